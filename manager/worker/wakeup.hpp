/*
 * The first step of each process of the extension after it has been woken.
 *
 * A process that sleeps for hours is asked by others to process their invalidation messages; if it does not,
 * all its caches are reset in the end, and a worker then compiles all of its stream tables again.
 */
#pragma once

namespace pgtrickle::worker {

/* Resets the latch, so that no event after this call is missed, and processes interrupts, invalidations and
 * SIGHUP. Returns true if the configuration was read again. Must be called outside of transactions. A
 * PostgreSQL frame. */
bool wake_up();

} // namespace pgtrickle::worker
