/*
 * The partitions below a relation to which a row belongs that was written through the relation, and the logs of those
 * that are sources.
 *
 * A row is routed as PostgreSQL routes it: by the bounds at each level, so that only levels with rows, and with sources
 * below them, cost anything. The writer has locked these to the end of its transaction, unless a key that is declared
 * immutable is not. No other session can have had a partition take their rows over meanwhile: a row outlives its
 * default partition only under a lock that excludes the writer. Where this session has, in a trigger, the logs get
 * markers (mark_rerouted() in tree_changes.cpp). PostgreSQL frames.
 */
#pragma once

#include "capture/log/chunk.hpp"

extern "C" {
#include "executor/tuptable.h"
#include "utils/relcache.h"
}

namespace pgtrickle::capture {

/* Belongs to one statement, and lies in the memory context that is current at begin_route(). */
struct Route;

Route *begin_route(Relation written, const Targets *targets);
/* Logs a row that was deleted or inserted, or the two images of one that was updated; either may be null. All columns
 * are deformed. */
void log_below(Route *route, TupleTableSlot *old_row, TupleTableSlot *new_row);
/* Writes what is left to the logs. */
void end_route(Route *route);

} // namespace pgtrickle::capture
