/*
 * What nobody may do to a stream table by hand: its rows are the answer of its query.
 * All functions are PostgreSQL frames and raise unless nothing is wrong.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle {

/* "Direct DML on stream table …", 55000, with a HINT naming its sources where the current user may read it. That the user has
 * the privilege to do it to a table is checked before, here or by PostgreSQL. */
[[noreturn]] void refuse_direct_dml(Oid relid);
/* The same of COPY FROM to these columns, or to all where there are none: 42501 unless the user may insert into them. */
[[noreturn]] void refuse_copy_from(Oid relid, List *columns);
/* The same of a table that `query` writes to: 42501 unless the user has all rights that the query asks for. */
[[noreturn]] void refuse_dml_of(const Query *query, Oid relid);
/* "cannot lock rows in stream table …", 42809, as a materialized view does. */
[[noreturn]] void refuse_row_locks(Oid relid);

/* Raises one of these if `query` itself (not its subqueries), a level of `statement`, writes to a stream table or locks rows
 * of one; 42501 unless the user has all rights that the statement asks for. */
void refuse_writes_of(const Query *statement, Query *query);

} // namespace pgtrickle
