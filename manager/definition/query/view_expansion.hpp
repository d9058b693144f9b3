/*
 * Bounds on the expansion of views and policies by PostgreSQL's rewriter.
 *
 * Two views that each read the next one twice double the query at each level, and so do policies with subqueries: a
 * few kilobytes of definitions of any role expand to gigabytes. Invariant: no process of the extension expands a query
 * before its size was computed from what it names, in time proportional to the definitions.
 *
 * A session that reads no views (restrict_nonsystem_relation_kind), as that of pg_dump, does not name those of a stored
 * query: they are expanded all the same. It reads no stream table if it reads no foreign tables.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::definition {

/* Expands `query`, a copy of the caller's, which is locked and changed in place. Returns QueryRewrite()'s list. Raises
 * 54001 if the query would have more than a million nodes then, about 250 MB in the rewriter. */
List *expand(Query *query);

} // namespace pgtrickle::definition
