/*
 * Where the rows of a stream table lie.
 *
 * Storage is an ordinary heap in the reserved schema pg_trickle_storage, named by the
 * stream table's OID: st_<oid> for the storage users read, st_<oid>_<k> for the arrangement
 * of step k below the root. It belongs to the owner of the stream table and depends on it
 * INTERNALly; its owner has no privilege on it. Physical columns: the declared columns first, in order and under their names,
 * then hidden ones named pgt_…. The rows of the storage are the rows of the stream table; an
 * arrangement may hold others, such as the groups that HAVING leaves out.
 */
#pragma once

#include "pg/boundary.hpp"

#include <string>

namespace pgtrickle::storage {

inline constexpr char schema_name[] = "pg_trickle_storage";

/* InvalidOid when there is none. Catalog look-ups only (syscache). */
Oid namespace_oid();
Oid storage_of(Oid relid);
Oid arrangement_of(Oid relid, int step);

/* PostgreSQL frames, for callbacks of the planner and of utility statements. */
bool is_heap(Oid relation);  /* storage or an arrangement, of any stream table */
Oid served_from(Oid heap);   /* the stream table whose storage it is; InvalidOid for an arrangement and anything else */

/* Whether a relation of that name in the schema would be taken for storage or an arrangement. PostgreSQL frame. */
bool is_heap_name(const char *name);

std::string storage_name(Oid relid);               /* st_<oid> */
std::string arrangement_name(Oid relid, int step); /* st_<oid>_<step> */

} // namespace pgtrickle::storage
