/*
 * The planner's statistics of relations in memory: deltas have the values of the relation whose rows have changed, so
 * they are estimated by that relation's statistics. Without them, a delta of ten thousand rows behind a filter is
 * taken for one row, and is joined with others by a loop over both. A column of an entry of WITH has the statistics of
 * the column that it is; the values of an only group key are unique. Without them, a join of two deltas of ten thousand
 * rows each is estimated at half a million. A column of a UNION ALL, which is usually a table and rows in memory, has
 * the statistics of its first branch. PostgreSQL takes it for 200 values, and a chain of joins for billions of rows.
 *
 * An operator that is not leakproof is called with the statistics of a column only if the current user may SELECT it
 * in the relation and no policy hides rows from that user, as for the relation itself.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "utils/selfuncs.h"
}

namespace pgtrickle::refresh {

/* Entry of fdw/module.cpp: get_relation_stats. PostgreSQL frame. */
bool find_statistics_of_rows(PlannerInfo *root, RangeTblEntry *entry, AttrNumber column, VariableStatData *variable);

/* Returns how many rows of the relation have the same value in the column on average, NULLs left out; infinity if
 * statistics do not say. PostgreSQL frame. */
double rows_of_each_value(Oid relation, const char *column);

} // namespace pgtrickle::refresh
