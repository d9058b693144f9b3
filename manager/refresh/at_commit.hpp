/*
 * Mode IMMEDIATE: a transaction that has changed a source brings the stream table up to date when it commits.
 *
 * Why it is right: the transaction holds the object lock of the stream table (batch/batch.hpp) from before it takes the
 * snapshot of the refresh until other transactions see that it has committed. So of two such transactions one sees what
 * the other has changed, and its rows: commits, locks and snapshots have one order. A refresh in the middle of the
 * transaction would hold the lock to its end, against other writers; until the commit, its own reads are exact
 * (fdw/read/freshness.hpp).
 *
 * Nothing depends on it: what a commit leaves to the manager is pending, and a stream table in this mode is always
 * fresh when it is read. Left is what
 * - needs a lock that another transaction holds for longer than other commits do; the commits that follow do not wait
 *   for it again before the stream table has been refreshed;
 * - would run interpreted code (KnownCodeOnly in code/interpreted_code.hpp), has no deltas, or starts over;
 * - a transaction has changed that also changes definitions, or partitions of a source: its rows are visible before
 *   other sessions hear of that, and a statement that is planned meanwhile would have the stored rows without the
 *   partition;
 * - a prepared transaction has changed, which would hold the lock until COMMIT PREPARED, or one of another process than
 *   a client's session;
 * - fails, but for an error of values: by that, the transaction fails, unless the stream table has failed before or
 *   pg_trickle.on_error is `defer`.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "access/xact.h"
}

namespace pgtrickle::refresh {

/* Entry of fdw/module.cpp, at PRE_COMMIT: deferred triggers have fired, and the changes of the transaction are in the
 * logs. PostgreSQL frame. */
void refresh_at_commit(XactEvent event);

} // namespace pgtrickle::refresh
