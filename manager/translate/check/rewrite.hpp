/*
 * Views are rewritten away by PostgreSQL's own rewriter.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::translate {

/* A PostgreSQL frame. A copy of the SELECT `query`, in which every view is a subquery and row
 * level security, as it is in force for the current user or for the owner of a view, has left its
 * securityQuals; not for the planner (remove_planner_marks). Locks every relation. */
Query *expand_views(const Query *query);

} // namespace pgtrickle::translate
