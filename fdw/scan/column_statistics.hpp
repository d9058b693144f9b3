/*
 * The planner's statistics of a stream table's columns are those of its storage.
 *
 * A role has no privilege on a storage, so PostgreSQL would withhold its statistics from every operator that
 * is not leakproof. The relevant privilege is the one on the stream table: an operator may see the statistics
 * of a column that the role may SELECT there. Statistics of a hidden column may be seen only by operators
 * that a refresh evaluates, as the owner in a restricted operation. If the stream table is a partition or child of the
 * relation that the query names, the privileges and policies are those of that relation, as for any table.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle {

/* Entries of fdw/module.cpp: get_relation_stats and get_index_stats. PostgreSQL frames. */
bool find_statistics(PlannerInfo *root, RangeTblEntry *entry, AttrNumber column, VariableStatData *variable);
bool find_index_statistics(PlannerInfo *root, Oid index, AttrNumber column, VariableStatData *variable);

/* Returns the relation that the query names, of which `rel` was made as a partition or child; or the entry of `rel`. It
 * has the policies, and the privileges that the executor checks. PostgreSQL frame. */
const RangeTblEntry *named_entry_of(PlannerInfo *root, const RelOptInfo *rel);

/* Whether the columns of `rel` in `clause` may be read with the privileges on that relation, all rows of it.
 * PostgreSQL frame. */
bool may_read_columns_of(PlannerInfo *root, const RelOptInfo *rel, Node *clause);

} // namespace pgtrickle
