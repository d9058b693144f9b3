/*
 * MERGE that moves a row to another partition, or is not alone in changing its target.
 *
 * PostgreSQL executes such a move as a DELETE and an INSERT, but fires statement triggers only for the
 * actions that the MERGE names: a MERGE that only updates shows neither row to a trigger. For a captured
 * partitioned table the triggers of all three actions are made to fire; if that would fire a user's trigger
 * too, a marker is written instead. So it is where the server shows the rows of the MERGE, or those that other commands
 * of the statement or actions of foreign keys change in its target, to no trigger (pg/versions/executor.hpp).
 *
 * The marker is written by the capture trigger that opens the statement: from then on to its end nothing refreshes in
 * the transaction. A refresh by a user's trigger that fires before would pass a marker that is there already.
 * PostgreSQL frames.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle::capture {

/* Entry of fdw/module.cpp: runs at ExecutorStart, which decides which triggers fire. */
void start_merge(QueryDesc *query, int flags, const Next &next);

} // namespace pgtrickle::capture
