/*
 * Waiting for a refresh that a refresh worker performs for a reader.
 *
 * The reader sleeps on its latch, which the manager sets with its answer. The wait is interruptible, ends
 * with pg_trickle.scan_refresh_timeout, and survives the death of the manager. PostgreSQL's deadlock detector
 * does not see the wait: a worker that waits for a lock of the reader would wait forever. So every quarter of
 * deadlock_timeout, or of the limit if that is shorter, and at its end, the reader follows the chain of processes for
 * which the workers that serve it wait. If it leads to the reader, the reader gives up, and reads exactly if it can: a
 * worker waits for a lock that the reader's transaction has chosen to take, such as one of LOCK TABLE, has to replace
 * the storage, or waits for another process that waits for the reader, such as a VACUUM FULL of the storage that is
 * about to be read. A caller that waits for the refresh itself gets 40P01 in the first case. The reader also gives up
 * if the refresh has to wait for a transaction in which nothing runs and that has refreshed the stream table, because
 * no one can say when that ends.
 *
 * PostgreSQL frame.
 */
#pragma once

#include "fdw/read/freshness.hpp"
#include "fdw/read/stopwatch.hpp"

extern "C" {
#include "storage/lock.h"
}

namespace pgtrickle {

/* Who waits: a function whose caller wants to wait, which gets 40P01 in a deadlock; a session for upstreams that it
 * reads as they stand otherwise; or a statement that would read exactly instead. The last one also gives up for a
 * transaction in which nothing runs, whatever lock it holds, if that does not keep it from reading exactly. */
enum class Waiter { caller, session, statement };

/* Sleeps for some milliseconds, or until the latch is set. Interruptible. */
void pause_waiting();

/* Pauses a refresh in this transaction, which another one excludes by the lock. Returns false if waiting is useless, or
 * has taken as long as it may: `waited` is its beginning. */
bool await_holder(const LOCKTAG &lock, const Stopwatch &waited, const Oid *relids, int count);

/* Requests a refresh of the stream tables, as many at a time as a request can hold, and waits for it.
 * Obstacle::none: each of them is at least as fresh as at the time of the call. After an obstacle, no more of them are
 * requested. */
Obstacle request_and_wait(const Oid *relids, int count, Waiter waiter);

/* Returns whether a request of this transaction was given up because the refresh waited for a lock of the transaction.
 */
bool has_refresh_waited_for_me();

/* As request_and_wait() after Obstacle::no_manager, for stream tables without rows: where managers take turns, waits
 * for that of this database first, for pg_trickle.scan_refresh_timeout at most. */
Obstacle request_of_next_manager(const Oid *relids, int count);

} // namespace pgtrickle
