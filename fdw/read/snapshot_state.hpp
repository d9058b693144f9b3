/*
 * What a given snapshot sees of a stream table: its storage, and the logged changes of its
 * sources that its frontier does not include.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "utils/snapshot.h"
}

namespace pgtrickle {

/* Raises 40001 unless `snapshot` sees that the storage was created: an older one would read
 * it as empty. */
void require_storage_seen(Oid relid, Oid storage, Snapshot snapshot);

/* Whether `snapshot` sees a change of a source, direct or by way of other stream tables,
 * that the storage as it sees it has not taken in; if `own_only`, not by way of those that have a schedule of their own. What is
 * restless always has something pending. */
bool has_pending_changes(Oid relid, Snapshot snapshot, bool own_only = false);

/* One of these stream tables that, as `snapshot` sees them, may lack what another has taken in, or in which something below it
 * may lack what it has itself; InvalidOid: none does. Cost: index probes into state and dependencies, and where a frontier is
 * older into logs; of a single one that reads no other, into dependencies only. */
Oid find_lagging(const Oid *relids, int count, Snapshot snapshot);

} // namespace pgtrickle
