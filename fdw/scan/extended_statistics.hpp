/*
 * Extended statistics: CREATE STATISTICS on a stream table.
 *
 * The object and its data belong to the foreign table, so that a dump has it, DROP STATISTICS finds it, and another
 * query leaves it as it is. ANALYZE of the stream table gathers the data. A read is planned over the storage, for
 * which the planner is shown the statistics of the stream table. This is possible because a column has the same number
 * in both.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle {

/* Entry of fdw/module.cpp: get_relation_info. PostgreSQL frame. */
void add_extended_statistics(PlannerInfo *root, Oid relation, bool is_parent, RelOptInfo *rel);

} // namespace pgtrickle
