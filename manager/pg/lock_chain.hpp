/*
 * Waits that PostgreSQL's deadlock detector does not see: a session waits on its latch for another process,
 * which may wait for locks, or for transactions that hold them.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "storage/lock.h"
}

namespace pgtrickle {

/* Whether the process waits for a lock of this process, directly or by way of other waiting processes. At
 * most a hundred processes are examined. PostgreSQL frame. */
bool waits_for_me(int pid);

/* Whether a transaction that excludes others from the lock is prepared, or belongs to a session that has been
 * idle for `idle_ms`, as far as pg_stat_activity shows it. Cheap if there is no such session: one partition of
 * the lock table is locked for a moment. PostgreSQL frame. */
bool is_held_by_idle_transaction(const LOCKTAG &tag, int idle_ms);

} // namespace pgtrickle
