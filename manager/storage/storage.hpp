/*
 * The relations that contain the rows of a stream table.
 *
 * Storage is an ordinary heap in the reserved schema pg_trickle_storage, named by the OID of the stream
 * table: st_<oid> is the storage that users read, st_<oid>_<k> the arrangement of step k below the root. With the
 * option partition_by, the storage is a partitioned table, and st_<oid>_p<n> are its partitions. A
 * heap belongs to the owner of the stream table and depends on the stream table INTERNALly; its owner has no
 * privilege on it. The physical columns are the declared columns, in order and under their names, followed by
 * hidden columns named pgt_…. The rows of the storage are the rows of the stream table; an arrangement may
 * contain other rows, such as the groups that HAVING excludes.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "utils/snapshot.h"
}

#include <string>

namespace pgtrickle::storage {

inline constexpr char schema_name[] = "pg_trickle_storage";

/* Return InvalidOid if there is none. Catalog look-ups only (syscache). */
Oid namespace_oid();
Oid storage_of(Oid relid);
Oid arrangement_of(Oid relid, int step);

/* PostgreSQL frames, for callbacks of the planner and of utility statements. */
bool is_heap(Oid relation); /* whether it is storage, a partition or an arrangement of any stream table */
Oid served_from(Oid heap);  /* the stream table that is served from it or with it; InvalidOid if there is none */

/* Whether the snapshot sees the storage as it is: created, rewritten or given partitions by this transaction, or by one
 * that the snapshot sees. Otherwise it does not see the rows where they are now. PostgreSQL frame. */
bool is_seen_as_it_is(Oid heap, Snapshot snapshot);

std::string storage_name(Oid relid);               /* st_<oid> */
std::string arrangement_name(Oid relid, int step); /* st_<oid>_<step> */

} // namespace pgtrickle::storage
