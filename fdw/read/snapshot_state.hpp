/*
 * The state of a stream table that is visible to a given snapshot: its storage, and the logged changes of its
 * sources that its frontier does not include.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "definition/state/state.hpp"

extern "C" {
#include "utils/snapshot.h"
}

namespace pgtrickle {

/* Raises 40001 unless the creation of the storage is visible to `snapshot`, which would otherwise read the
 * storage as empty. */
void require_storage_seen(Oid relid, Oid storage, Snapshot snapshot);

/* Returns true if `snapshot` sees a change of a source, direct or through other stream tables, that the
 * storage visible to it does not include. With `own_only`, changes through upstreams that have their own
 * schedule and are refreshed separately do not count. A time-dependent stream table has pending changes
 * unless it was refreshed at `begun_at` or later, for a reader whose present time that is. */
bool has_pending_changes(Oid relid, Snapshot snapshot, bool own_only = false, TimestampTz begun_at = DT_NOEND);
/* As has_pending_changes(), of what the snapshot sees as `row`, for a reader that wants what the defining query
 * returns: what depends on the time differs,
 * as its storage is as of the now() of another transaction, and so may what reads a compared source, or one that the
 * snapshot does not see as it was (capture/ddl/repeatable_read.hpp). */
bool may_differ_from_query(Oid relid, Snapshot snapshot, const state::VisibleRow &row);
/* As has_pending_changes(), without time dependence, which locks everything that the query reads where it is not
 * known yet. Waits for no lock of a user. */
bool has_logged_changes(Oid relid, Snapshot snapshot);

/* Returns the sum of the generations of the definitions of the stream tables and their upstreams, under the snapshot
 * or, if that is null, now. It grows whenever a definition, or a function that it calls, is replaced. */
int64_t generations_of(const Oid *relids, int count, Snapshot snapshot);

/* Returns the stream tables that are refreshed to one state with this one, itself included, in ascending order: those
 * of its atomic set and refresh group, and of sets that overlap with these. Palloc'ed. */
List *of_one_state(Oid relid);

/* Returns true if `snapshot` sees the last refresh of the stream table. Otherwise the storage that the snapshot sees
 * cannot be refreshed any more. */
bool is_of_last_refresh(Oid relid, Snapshot snapshot);

/* Returns a stream table of the list that, as `snapshot` sees it, may lack a change that another one
 * includes, or has an upstream that may lack a change that the list's members include; InvalidOid if there is
 * none. Cost: index probes into state and dependencies, and into logs where a frontier is older; for a single
 * stream table that reads no other, into dependencies only. */
Oid find_lagging(const Oid *relids, int count, Snapshot snapshot);

} // namespace pgtrickle
