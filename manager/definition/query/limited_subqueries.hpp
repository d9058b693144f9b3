/*
 * Gives sub-queries with a LIMIT or OFFSET, and without ORDER BY, an order.
 *
 * PostgreSQL returns any rows of them. A stream table needs the same rows at each refresh, incremental or full, so they
 * are ordered by all their output columns. Rows that are equal in all of them may be exchanged for each other.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::definition {

/* Adds the ORDER BY to each such sub-query of the analyzed `text` itself, not of views that it reads, with a WARNING. A
 * sub-query keeps its unpredictable rows, which are refused later (translate/check/rejection.hpp), if it has DISTINCT
 * ON or a column whose type has no order. PostgreSQL frame. */
void order_limited_subqueries(Query *query, const char *text);

} // namespace pgtrickle::definition
