/*
 * Operations that are refused on a stream table, because its rows are the answer of its query. All functions
 * are PostgreSQL frames and raise an error; refuse_writes_of() only if there is a reason.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle {

/* Raises 55000 "Direct DML on stream table …", with a HINT that names the sources if the current user may see
 * the stream table. The privilege to write to the table is checked before, here or by PostgreSQL. */
[[noreturn]] void refuse_direct_dml(Oid relid);
/* As refuse_direct_dml(), for COPY FROM to these columns, or to all columns if the list is empty. Raises
 * 42501 unless the user may insert into them. */
[[noreturn]] void refuse_copy_from(Oid relid, List *columns);
/* As refuse_direct_dml(), for a table to which `query` writes. Raises 42501 unless the user has all
 * privileges that the query requires. */
[[noreturn]] void refuse_dml_of(const Query *query, Oid relid);
/* Raises 42809 "cannot lock rows in stream table …", as PostgreSQL does for a materialized view. */
[[noreturn]] void refuse_row_locks(Oid relid);

/* Raises one of these errors if `query` itself (not its subqueries), a level of `statement`, writes to a
 * stream table or locks rows of one; 42501 unless the user has all privileges that the statement requires. */
void refuse_writes_of(const Query *statement, Query *query);

} // namespace pgtrickle
