/*
 * Gives lists, row numbers, limits and DISTINCT ON over a sorted sub-query its order.
 *
 * PostgreSQL passes on the rows of a sub-query in its order, so that string_agg(x, ',') FROM (SELECT … ORDER BY y) is a
 * sorted list, as its manual says. A refresh computes a list from rows in any order. So the order is written where the
 * rows are used: string_agg(x, ',' ORDER BY y).
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::definition {

/* Adds the ORDER BY of a sub-query or CTE that is the whole FROM clause of a query, at each level of the analyzed
 * `text` itself, not of views that it reads: to lists without DISTINCT and ORDER BY, to ARRAY (SELECT …), and to
 * windows without one whose functions show in which order the rows are. A sub-query without ORDER BY that passes on the
 * order of its own FROM clause gets it. Keys that the sub-query does not return become columns of it; a WARNING says
 * where they cannot. PostgreSQL frame. */
void write_order_of_subqueries(Query *query, const char *text);

/* As above, to LIMIT and OFFSET without ORDER BY, and to DISTINCT ON by the first keys, which decide by it which rows
 * there are, unless a window of the level sorts them otherwise. PostgreSQL frame. */
void choose_rows_by_subqueries(Query *query, const char *text);

/* Both, in a query whose views are expanded, and without a WARNING. PostgreSQL executes lists and limits of views in
 * full, and passes on the rows in the same order. PostgreSQL frame. */
void use_order_of_views(Query *expanded);

} // namespace pgtrickle::definition
