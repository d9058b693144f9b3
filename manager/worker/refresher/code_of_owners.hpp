/*
 * A process that has run code of one owner runs none of another.
 *
 * A procedural language keeps what it has compiled a function to as long as the process lives. A function that both
 * owners call, compiled under the settings of the first one, would run code of the first one with the rights of the
 * second one. Which queries run such code cannot be known: functions in C run texts, and definitions change.
 *
 * A stream table may get another owner after its job was sent: AsOwner (pg/rights.hpp) refuses it then.
 *
 * C++ frames.
 */
#pragma once

#include "scheduler/job.hpp"

namespace pgtrickle::worker {

/* Returns true if this process may run the job; its owner is that of the process from then on. Otherwise another
 * process must run the job. Upkeep runs no such code. */
bool takes_code_of(const scheduler::Job &job);

} // namespace pgtrickle::worker
