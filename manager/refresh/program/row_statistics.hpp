/*
 * The planner's statistics of relations in memory: deltas have the values of the relation whose rows have changed, so
 * they are estimated by that relation's statistics. Without them, a delta of ten thousand rows behind a filter is
 * taken for one row, and is joined with others by a loop over both. The same holds for WITH entries and for the UNION
 * ALL of a statement that reads deltas: without statistics a column is taken for one of 200 values, and a join of
 * two changed inputs for hundreds of times its rows. A column of such a relation has the values of the column of a
 * table from which it is selected.
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

} // namespace pgtrickle::refresh
