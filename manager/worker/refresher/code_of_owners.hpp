/*
 * A process that has run interpreted code (refresh/interpreted_code.hpp) of one owner runs none of another: a function
 * that both call, compiled under the settings of the first one, would run code of the first one with the rights of the
 * second one. Owners whose stream tables are refreshed together, in a refresh group, count as one.
 *
 * C++ frames; outside of transactions.
 */
#pragma once

#include "scheduler/job.hpp"

namespace pgtrickle::worker {

/* Returns true if this process may run the refresh job; it counts as run then. Otherwise another process must run it.
 */
bool takes_code_of(const scheduler::Job &job);

/* Whose interpreted code this process has run (scheduler::mark_of()); 0: none. */
uint32_t mark_of_process();

} // namespace pgtrickle::worker
