/*
 * Mode IMMEDIATE: a transaction that has changed a source brings the stream table up to date when it commits.
 *
 * Why it is right: the transaction holds the object lock of the stream table (batch/batch.hpp) from before it takes the
 * snapshot of the refresh until other transactions see that it has committed. So of two such transactions one sees what
 * the other has changed, and its rows: commits, locks and snapshots have one order. A refresh in the middle of the
 * transaction would hold the lock for the rest of it, against other writers; until the commit, its own reads are exact
 * (fdw/read/freshness.hpp).
 *
 * Nothing depends on it: what a commit leaves to the manager is pending, and a stream table in this mode is always
 * fresh when it is read. That is left to the manager which
 * - a lock does not admit within pg_trickle.scan_refresh_timeout, or for a deadlock;
 * - would run code of the stream table's owner in a session of another role (code/interpreted_code.hpp);
 * - was changed by another process than a client's session, by COMMIT PREPARED, or in a read-only transaction;
 * - fails, if pg_trickle.on_error is `defer`. Otherwise the transaction fails.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "access/xact.h"
}

namespace pgtrickle::refresh {

/* Entry of fdw/module.cpp, at PRE_COMMIT and PRE_PREPARE: deferred triggers have fired, and the changes of the
 * transaction are in the logs. PostgreSQL frame. */
void refresh_at_commit(XactEvent event);

} // namespace pgtrickle::refresh
