/*
 * SQL functions in FROM that PostgreSQL replaces by their query. It does so while it plans, which is too late for an
 * expansion of the stream tables that the query reads. Here it is done before, by PostgreSQL's own code and so under
 * its conditions.
 *
 * The plan depends on the functions, and on the role if their queries have policies. It is parallel only where
 * PostgreSQL would make it so: it looks for functions that are PARALLEL UNSAFE before it inlines them.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"
}

namespace pgtrickle {

/* The functions that were inlined into one statement. In the memory context that is current when the first one is
 * inlined. PostgreSQL frames. */
class InlinedFunctions {
  public:
    /* Replaces the entry of a function by a subquery, if the function can be inlined. As in PostgreSQL, the entry keeps
     * the function: a whole row of it that the planner makes, as for RETURNING, has the function's row type. */
    void inline_entry(RangeTblEntry *entry);
    /* Returns the options for the planner, from those that the statement has without the functions. */
    int planner_options(int options) const;
    void become_dependencies_of(PlannedStmt *plan) const;

  private:
    PlannerInfo *collected_ = nullptr; /* what PostgreSQL records; null: none was inlined */
    bool is_unsafe_ = false;           /* one of them is PARALLEL UNSAFE */
};

} // namespace pgtrickle
