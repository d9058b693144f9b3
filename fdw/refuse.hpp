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

/* "Direct DML on stream table …", 55000, with a HINT naming its sources. */
[[noreturn]] void refuse_direct_dml(Oid relid);
/* "cannot lock rows in stream table …", 42809, as a materialized view does. */
[[noreturn]] void refuse_row_locks(Oid relid);

/* Raises one of these if `query` itself (not its subqueries) writes to a stream table or locks rows of one.
 */
void refuse_writes_of(Query *query);

} // namespace pgtrickle
