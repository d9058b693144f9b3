/*
 * The planner's statistics of a stream table's columns are those of its storage.
 *
 * A role has no privilege on a storage, so PostgreSQL would withhold its statistics from every operator that
 * is not leakproof. The relevant privilege is the one on the stream table: an operator may see the statistics
 * of a column that the role may SELECT there. Statistics of a hidden column may be seen only by operators
 * that a refresh evaluates, as the owner in a restricted operation.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle {

/* Entries of fdw/module.cpp: get_relation_stats and get_index_stats. PostgreSQL frames. */
bool find_statistics(PlannerInfo *root, RangeTblEntry *entry, AttrNumber column, VariableStatData *variable);
bool find_index_statistics(PlannerInfo *root, Oid index, AttrNumber column, VariableStatData *variable);

} // namespace pgtrickle
