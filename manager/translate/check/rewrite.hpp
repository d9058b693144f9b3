/*
 * Expansion of views by PostgreSQL's own rewriter.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::translate {

/* Returns a copy of the SELECT `query` in which every view is a subquery, and in which row level security, as
 * in force for the current user or for the owner of a view, has added its securityQuals. The copy must not be
 * planned (remove_planner_marks). Locks every relation. PostgreSQL frame. */
Query *expand_views(const Query *query);

} // namespace pgtrickle::translate
