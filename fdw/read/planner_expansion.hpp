/*
 * Expansion: before planning, a stream table in a query becomes a subquery over its storage,
 *     SELECT c1 … cn FROM storage
 * which the planner pulls up, so that the plan is the one for the storage itself: with its indexes, its
 * statistics and parallel query.
 *
 * As in a view, the subquery's range table contains the stream table itself as an entry that is not read: it
 * carries the user's permissions, the lock, and the cached plan's dependency. The entry of the storage
 * requires no privilege.
 *
 * The nested scan (execution.hpp) handles stream tables with children, references to system columns, whole
 * rows of a stream table with dropped columns, and entries that are created later in planning; and everything
 * if pg_trickle.enable_expansion is off.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle {

/* Entry of fdw/module.cpp: the planner. PostgreSQL frame. */
PlannedStmt *plan_with_expansion(Query *query, const char *text, int options, ParamListInfo parameters);

} // namespace pgtrickle
