/*
 * Waits that PostgreSQL's deadlock detector does not see: a session waits on its latch for another process,
 * which may wait for locks, or for transactions that hold them.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "lib/stringinfo.h"
#include "storage/lock.h"
}

namespace pgtrickle {

/* Processes, each of which waits for the next ones; at most a hundred are examined. */
struct LockChain {
    static constexpr int limit = 100;
    int pids[limit];
    int length = 0;
};

/* Whether a process of the chain waits for a lock of this process, directly or by way of other waiting processes,
 * which are added to the chain. PostgreSQL frame, as are the others. */
bool leads_to_me(LockChain *chain);

/* leads_to_me() of one process. */
bool waits_for_me(int pid);

/* Whether the process waits directly for this transaction, which holds more on the object of the lock than the
 * AccessShare of a reader. */
bool waits_for_more_than_my_reads(int pid);

/* Appends the mode and the object of the lock for which the process waits, or "no lock". */
void describe_awaited_lock(int pid, StringInfo text);

/* Whether a process of the chain is a prepared transaction, or a session that has been idle in a transaction for
 * `idle_ms`, as far as pg_stat_activity shows it. */
bool has_idle_transaction(const LockChain &chain, int idle_ms);

/* The transactions that exclude others from the lock; a prepared one is 0. */
LockChain holders_of(const LOCKTAG &tag);

/* Whether such a transaction excludes others from the lock. Cheap if there is no such session: one partition of
 * the lock table is locked for a moment. */
bool is_held_by_idle_transaction(const LOCKTAG &tag, int idle_ms);

/* Waits until the invalidations of all visible transactions that have taken the lock in ExclusiveLock, and kept it to
 * their ends, have arrived here. A commit becomes visible first; then it sends its invalidations, and then it releases
 * its locks. In between, a snapshot shows what it has written, and the caches of this process, with all that was
 * compiled from them, do not. Such a wait ends soon, as the other process waits for nothing; transactions in progress
 * are not waited for. */
void await_invalidations_under(const LOCKTAG &tag);

} // namespace pgtrickle
