/*
 * A job that a manager gives to a refresh worker, and its result.
 *
 * Plain data, which is passed between processes as bytes. A job contains all that the worker needs to know of
 * the stream tables that it involves; only managers know the definitions of a whole database.
 *
 * The bytes are read by the same program that wrote them: numbers are as in memory. Reading throws
 * std::runtime_error if the bytes are not those of a job or a result. Pure C++.
 */
#pragma once

#include "scheduler/graph/atomic_sets.hpp"
#include "scheduler/graph/requested_by.hpp"
#include "scheduler/time/schedule.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pgtrickle::scheduler {

/* Outcome of an attempt to refresh a stream table. */
enum class MemberVerdict : uint8_t {
    refreshed,
    failed,
    behind, /* an upstream, or another member of its atomic set, has failed */
    held,   /* a hold forbids to refresh it now */
    locked, /* another transaction holds its lock, or a lock that it needs: to be tried again */
};

/* How the process of the last refresh of a stream table has ended, if that refresh ended it. The next one does not
 * retry it, and is a failure, unless several stream tables were refreshed together. */
enum class ProcessEnd : uint8_t {
    none,
    by_code,    /* of the query */
    by_limit,   /* the refresh took too long, and did not end when it was canceled */
    of_several, /* any of them may be at fault: each is to be refreshed alone */
    by_move,    /* of its rows to new partitions, after the refresh, which is not at fault */
};

/* A stream table that a job involves. */
struct Involved {
    enum class Role : uint8_t {
        requested, /* due, or requested by a reader */
        optional,  /* refreshed as well, unless that requires waiting */
        required,  /* refreshed because a refreshed stream table reads it or is of its atomic set */
        upstream,  /* read by one of the others as it stands */
    };
    Id id = 0;
    Role role = Role::requested;
    bool is_time_dependent = false;  /* its result may differ without a change */
    bool is_program_written = false; /* its program of this generation is written to the catalog */
    ProcessEnd process_end = ProcessEnd::none;
    int32_t refresh_timeout_ms = 0;
    int32_t failures = 0; /* failures in a row */
    int32_t retries = 0;  /* of failures whose cause may pass, in a row */
    Id owner = 0;
    int64_t generation = 0;
    std::string schema_name;
    std::string name;
    Ids sources;
    bool operator==(const Involved &) const = default;
};

struct Job {
    enum class Kind : uint8_t { refresh, upkeep };
    Kind kind = Kind::refresh;
    RequestedBy requested_by = RequestedBy::scheduler;
    bool no_lock_wait = false;      /* requested members, too, are skipped if a lock is not available */
    bool is_prune_due = false;      /* upkeep: prune the history */
    int32_t retention_days = 0;     /* of the history, as the manager has the setting; a worker may read it later */
    int64_t history_count_due = 0;  /* upkeep: the refresh_id from which rows of the history are counted again */
    bool is_of_all = false;         /* upkeep: trim all logs */
    std::vector<uint32_t> slots;    /* upkeep: else trim logs of sources with these counters, ascending */
    Ids large_sources;              /* upkeep: sources for whose large logs an alert was sent already */
    AtomicSets atomic_sets;         /* of the stream tables involved */
    std::vector<Ids> groups;        /* refresh groups, each ascending: members wait for each other's locks */
    Ids taken;                      /* refreshed by other workers from now on: programs need not be kept */
    std::vector<Involved> involved; /* members in order, upstreams first; then those that are only read */
    bool operator==(const Job &) const = default;
};

/* Result for a member, or for another stream table that was refreshed with the members. */
struct MemberResult {
    Id id = 0;
    MemberVerdict verdict = MemberVerdict::locked;
    bool is_suspended = false; /* from now on */
    bool is_program_written = false;
    bool has_changed = false; /* changes were applied */
    int32_t failures = 0;
    int32_t retries = 0;
    Microseconds started_at = 0;
    Microseconds not_before = 0;
    bool operator==(const MemberResult &) const = default;
};

struct JobResult {
    std::vector<MemberResult> members;
    Microseconds took_us = 0;
    Ids large_sources;            /* upkeep: sources whose logs are large */
    Ids untrimmed;                /* upkeep: sources whose logs may have more to trim */
    Ids unexamined;               /* upkeep: sources that were not reached */
    Ids held_back;                /* upkeep: sources whose logs another process must release first */
    bool was_interrupted = false; /* upkeep stopped for refreshes: continue with what was not reached */
    bool has_unpruned = false;    /* upkeep has pruned the history and may not have finished */
    int64_t history_count_due = 0;
    bool is_catalog_new = false; /* the catalog was created again, and must be filled again */
    bool is_outdated = false;    /* atomic sets are larger than in the job: read definitions again */
    bool operator==(const JobResult &) const = default;
};

std::string to_bytes(const Job &job);
std::string to_bytes(const JobResult &result);
Job job_of(std::string_view bytes);
JobResult job_result_of(std::string_view bytes);

} // namespace pgtrickle::scheduler
