/*
 * The snapshot under which a statement runs: whether the statement may get a newer one, and how.
 *
 * In READ COMMITTED, and as the first one of a REPEATABLE READ transaction (transaction_snapshot.hpp), it may, unless a
 * statement that has called it runs under the same snapshot.
 *
 * In READ COMMITTED, PostgreSQL executes the statements in one call of an SQL function under one snapshot, and so those
 * that rules make of one statement, and the functions that one expression of PL/pgSQL calls. When one of them passes to
 * a newer snapshot, the next ones must not see less than it did: they get a new one, too, whatever they read.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "executor/execdesc.h"
}

namespace pgtrickle {

/* Gives the statement the transaction's snapshot as it is now, and leaves it active. */
void renew_snapshot(QueryDesc *query, bool has_refreshed);
/* As renew_snapshot(), of a statement that passes to a new snapshot. */
void take_new_snapshot(QueryDesc *query, bool has_refreshed);
/* Pushes the snapshot that renew_snapshot() has given to the statement, if it is not the active one. Returns
 * whether it was pushed. */
bool push_snapshot(QueryDesc *query);
/* Whether the statement may get a newer snapshot than its own. A parallel worker sees changes of its own
 * transaction only through a snapshot. */
bool can_take_new_snapshot(QueryDesc *query);
/* Whether renew_snapshot() may give the statement the latest snapshot: that of its transaction is not fixed, and no
 * statement that has called it runs under its own. */
bool can_renew_snapshot(QueryDesc *query);
/* Whether the statement may get a newer snapshot than its own on a standby, which shows what has been replayed. */
bool can_take_new_snapshot_on_standby();
/* Whether an earlier statement of the transaction has seen more than this one would, which can get a new snapshot. */
bool is_behind_earlier(QueryDesc *query);

} // namespace pgtrickle
