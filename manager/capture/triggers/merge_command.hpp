/*
 * MERGE that moves a row to another partition.
 *
 * PostgreSQL logs such a move as a DELETE and an INSERT, but fires the statement triggers of
 * the actions that the MERGE names only: a MERGE that only updates tells nobody of either row.
 * For a captured partitioned table the triggers of all three are made to fire; where that
 * would fire a user's trigger too, a marker is written instead. PostgreSQL frames.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle::capture {

/* Entry of fdw/module.cpp: an ExecutorStart, which decides what triggers fire. */
void start_merge(QueryDesc *query, int flags, const Next &next);

} // namespace pgtrickle::capture
