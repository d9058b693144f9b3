/*
 * How a process of the extension begins to receive signals, and its first step after it has been woken.
 *
 * A process that sleeps for hours is asked by others to process their invalidation messages; if it does not,
 * all its caches are reset in the end, and a worker then compiles all of its stream tables again.
 */
#pragma once

#include "pg/versions/postgres.hpp"

namespace pgtrickle::worker {

/* Has `end` end the process at SIGTERM, and the next wake_up() read the configuration: after SIGHUP, and the first time
 * in any case. PostgreSQL ignores SIGHUP in a background worker from its fork to this call, so that the settings that
 * the process has inherited may be those of before a reload. A file that was changed and not reloaded is read as well.
 * A PostgreSQL frame. */
void receive_signals(pqsigfunc end);

/* Resets the latch, so that no event after this call is missed, and processes interrupts, invalidations and
 * SIGHUP. Returns true if the configuration was read again. Must be called outside of transactions. A
 * PostgreSQL frame. */
bool wake_up();

} // namespace pgtrickle::worker
