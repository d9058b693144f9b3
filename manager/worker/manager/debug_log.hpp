/*
 * The manager's decisions in the server's log, with log_min_messages = debug1 (what is begun, and by which process) or
 * debug2 (what is put off, too). Costs a comparison otherwise. C++ frames.
 */
#pragma once

#include "scheduler/job.hpp"

namespace pgtrickle::worker {

struct Known;

/* `pid` of the worker; 0: the manager itself. */
void log_begin(const scheduler::Job &job, int pid);
/* Until then it waits for `upstream`, which has failed. */
void log_put_off(const Known &known, const Known &upstream, int64_t until);
/* It was not refreshed by a job, and is tried again. */
void log_retry(const Known &known, scheduler::Verdict verdict);

} // namespace pgtrickle::worker
