/*
 * Expansion: before planning, a stream table in a query becomes a subquery over its storage,
 *     SELECT c1 … cn FROM storage
 * which the planner pulls up, so that the plan is the one for the storage itself: its indexes,
 * its statistics, parallel query.
 *
 * The subquery's range table has, as a view's has, the stream table itself as an entry that
 * is not read: it carries the user's permissions, the lock, and the cached plan's
 * dependency. The storage's entry asks for no privilege.
 *
 * Left to the nested scan (execution.hpp): stream tables with children, references to system
 * columns, whole rows of a stream table with dropped columns, and entries that are born
 * later in planning. With pg_trickle.enable_expansion = off, everything.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle {

/* Entry of fdw/module.cpp: the planner. PostgreSQL frame. */
PlannedStmt *plan_with_expansion(Query *query, const char *text, int options, ParamListInfo parameters);

} // namespace pgtrickle
