/*
 * What each of our processes does first whenever it has been woken.
 *
 * One that sleeps for hours is asked by others to take in what they have invalidated; whoever does not is told in the end
 * that anything may have changed, and a worker then compiles all of its stream tables anew.
 */
#pragma once

namespace pgtrickle::worker {

/* Outside of transactions. Resets the latch: what is looked at after that is not missed. True if the configuration was read
 * anew. A PostgreSQL frame. */
bool wake_up();

} // namespace pgtrickle::worker
