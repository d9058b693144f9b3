/*
 * The manager's decisions in the server's log, with log_min_messages = debug1 (jobs that begin, and their
 * processes) or debug2 (also postponed tasks). Costs one comparison otherwise. C++ frames.
 */
#pragma once

#include "scheduler/job.hpp"

namespace pgtrickle::worker {

struct Known;

/* Logs the beginning of a job. `pid`: its worker; 0: the manager itself. */
void log_begin(const scheduler::Job &job, int pid);
/* Logs that a due stream table waits for `upstream`, which has failed, until `until`. */
void log_put_off(const Known &known, const Known &upstream, int64_t until);
/* Logs that a stream table was not refreshed by a job and will be retried. */
void log_retry(const Known &known, scheduler::MemberVerdict verdict);

} // namespace pgtrickle::worker
