/*
 * The planner's statistics of a stream table's columns are those of its storage.
 *
 * A role has no privilege on a storage, so PostgreSQL would keep its statistics from every operator that is not leakproof. The
 * privilege that counts is the one on the stream table: of a column that the role may SELECT there, an operator may see what
 * the statistics hold, and of a hidden column only what a refresh evaluates, as the owner in a restricted operation.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle {

/* Entries of fdw/module.cpp: get_relation_stats and get_index_stats. PostgreSQL frames. */
bool find_statistics(PlannerInfo *root, RangeTblEntry *entry, AttrNumber column, VariableStatData *variable);
bool find_index_statistics(PlannerInfo *root, Oid index, AttrNumber column, VariableStatData *variable);

} // namespace pgtrickle
