/*
 * The segment of shared memory between a manager and one of its refresh workers: a queue for jobs, a queue
 * for results, and WorkerReport. Each side attaches to both queues; when one side is gone, the other finds its
 * queues detached.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "storage/dsm.h"
#include "storage/shm_mq.h"
}

#include <atomic>

namespace pgtrickle::worker {

constexpr Size queue_bytes = 65536; /* a larger job is sent in several parts */
constexpr Size segment_bytes = 2 * queue_bytes + 64;

/* The first byte of an answer. A result follows, after which the worker is idle, or places rows; or nothing follows:
 * the worker has placed them. */
constexpr char last_result = '=', result_before_placing = '+', has_placed = '.';

/* Stored after the queues: whose code a worker has run. */
struct WorkerReport {
    std::atomic<uint32_t> owner;        /* whose code it runs (code_of_owners.hpp); 0: none yet */
    std::atomic<uint32_t> has_declined; /* it exits without running its last job, which another process must run */
};

inline WorkerReport *last_words(dsm_segment *segment)
{
    return reinterpret_cast<WorkerReport *>(static_cast<char *>(dsm_segment_address(segment)) + 2 * queue_bytes);
}

inline shm_mq *job_queue(dsm_segment *segment)
{
    return static_cast<shm_mq *>(dsm_segment_address(segment));
}

inline shm_mq *result_queue(dsm_segment *segment)
{
    return reinterpret_cast<shm_mq *>(static_cast<char *>(dsm_segment_address(segment)) + queue_bytes);
}

/* Passed from a manager to a worker at its start, in bgw_extra. */
struct WorkerStart {
    Oid database;
    int slot;
    uint32_t generation;
};

} // namespace pgtrickle::worker
