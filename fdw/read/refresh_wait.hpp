/*
 * Waiting for a refresh that a refresh worker makes on a reader's behalf.
 *
 * The reader sleeps on its latch, which the manager sets with its answer. The wait is
 * interruptible, ends with pg_trickle.scan_refresh_timeout, and survives the death of the
 * manager. It is invisible to PostgreSQL's deadlock detector: a worker that waits for a lock
 * of the reader would wait for ever. So every deadlock_timeout the reader looks along the
 * chain of those for whom the workers wait that serve him. It raises 40P01 if one of them waits for the reader himself, unless it is
 * said that it may give up, and gives up if they wait behind somebody who does, as behind a VACUUM FULL of the storage that is about to be read.
 *
 * PostgreSQL frame.
 */
#pragma once

#include "fdw/read/freshness.hpp"

namespace pgtrickle {

enum class OnDeadlock { raise, give_up };

/* Obstacle::none: each of `relids` is at least as fresh as the call. */
Obstacle request_refresh(const Oid *relids, int count, OnDeadlock on_deadlock = OnDeadlock::raise);

} // namespace pgtrickle
