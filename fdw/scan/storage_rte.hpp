/*
 * The storage as an entry of a range table, for queries that read it in place of its stream table. The
 * storage must be locked. PostgreSQL frames.
 */
#pragma once

#include "fdw/scan/served_relation.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle {

/* Appends an entry for the storage to the range table of `query`, under the names of itself and its columns, of which
 * hidden ones may be missing. The entry requires no privilege: no role has one on a storage, and the caller has checked
 * the relevant one, which is on the stream table. `read_as` is the role that needs this privilege (InvalidOid: the
 * current user); it decides which statistics the planner may use (column_statistics.hpp). */
RangeTblEntry *add_storage_entry(Query *query, const ServedRelation *served, Alias *names, Oid read_as);
/* As above, under the name `alias`. */
RangeTblEntry *add_storage_entry(Query *query, const ServedRelation *served, const char *alias, Oid read_as);

/* Returns a reference to a column of the storage, which is entry `entry_number` of its query. */
Var *storage_column(const RangeTblEntry *entry, Index entry_number, AttrNumber column);

} // namespace pgtrickle
