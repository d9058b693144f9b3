/*
 * The statements that run, innermost last. A statement runs from the moment it has its snapshot: its functions may be
 * called when the executor starts, runs and finishes.
 *
 * A STABLE function reads under its caller's snapshot, which is recognized by comparison with those of the running
 * statements. An error that unwinds the stack is noticed as the abort of its (sub)transaction.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "access/xact.h"
#include "executor/execdesc.h"
}

namespace pgtrickle {

/* Returns the position of the statement, for end_running_from(). */
int begin_running(const QueryDesc *query);
/* Ends the statement at the position, and those that it has called. */
void end_running_from(int position);

/* Returns how many statements run. */
int running_depth();
/* Return the outermost statement that runs, or that runs under the snapshot; null if there is none. */
const QueryDesc *outermost_running();
const QueryDesc *outermost_running_under(Snapshot snapshot);

/* Remove the statements that an error has ended. */
void end_running(XactEvent event);
void end_running_of(SubXactEvent event, SubTransactionId self, SubTransactionId parent);

} // namespace pgtrickle
