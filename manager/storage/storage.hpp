/*
 * Where the rows of a stream table lie.
 *
 * Storage is an ordinary heap in the reserved schema pg_trickle_storage, named by the
 * stream table's OID: st_<oid> for the storage users read, st_<oid>_<k> for the arrangement
 * of step k below the root. It belongs to the owner of the stream table and depends on it
 * INTERNALly. Physical columns: the declared columns first, in order and under their names,
 * then hidden ones named pgt_…; if there is a column pgt_visible, a row counts only where it is true.
 */
#pragma once

#include "pg/boundary.hpp"

#include <string>

namespace pgtrickle::storage {

/* InvalidOid when there is none. Catalog look-ups only (syscache). */
Oid namespace_oid();
Oid storage_of(Oid relid);
Oid arrangement_of(Oid relid, int step);
/* The hidden column's attribute number in storage, 0 when every row is visible. */
AttrNumber visible_column_of(Oid storage);

std::string storage_name(Oid relid);               /* st_<oid> */
std::string arrangement_name(Oid relid, int step); /* st_<oid>_<step> */

} // namespace pgtrickle::storage
