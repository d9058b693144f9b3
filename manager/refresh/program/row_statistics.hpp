/*
 * The planner's statistics of relations in memory: deltas have the values of the relation whose rows have changed, so
 * they are estimated by that relation's statistics. Without them, a delta of ten thousand rows behind a filter is
 * taken for one row, and is joined with others by a loop over both.
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
