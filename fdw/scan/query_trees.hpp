/*
 * Parts of query trees that the extension builds or looks at. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle {

/* Returns an entry of a range table for a subquery in FROM; `name` is its alias. */
RangeTblEntry *subquery_entry(Query *query, const char *name);

/* Lets the query, which has one entry in its range table, read it, subject to the condition (may be null). */
void read_only_entry(Query *query, Node *condition);

/* Returns the rows of both queries; their outputs have the same types. */
Query *union_all(Query *one, Query *other);

/* Returns the expression, which may be null, without relabelling of its type around it. */
const Node *unrelabelled(const Node *expression);

} // namespace pgtrickle
