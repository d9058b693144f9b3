/*
 * Expansion: before planning, the storage takes the place of a stream table in a query, so that the plan is the one for
 * the storage itself: with its indexes, its statistics and parallel query. Where its columns have other numbers, where
 * whole rows are read, and in statements that change or lock rows, the place is taken by a subquery,
 *     SELECT c1 … cn FROM storage
 * which the planner pulls up; that costs as much as a view.
 *
 * As with a view, the range table of the query, or subquery, contains the stream table itself as an entry that is not
 * read, and not in FROM: it carries the user's permissions, the lock, and the cached plan's dependency. The entry of
 * the storage requires no privilege.
 *
 * A function in FROM that PostgreSQL would inline is inlined before (inlined_functions.hpp).
 *
 * The nested scan (execution.hpp) handles stream tables with children, references to system columns, whole
 * rows of a stream table with dropped columns, entries that are created later in planning, and stream tables that the
 * user may not read, which the executor refuses; and everything if pg_trickle.enable_expansion is off.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle {

/* Entry of fdw/module.cpp: the planner. PostgreSQL frame. */
PlannedStmt *plan_with_expansion(Query *query, const char *text, int options, ParamListInfo parameters);

} // namespace pgtrickle
