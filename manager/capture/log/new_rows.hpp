/*
 * Reading the rows of a segment that may be new to a frontier: those of xids at or above its xmax, and of each xid that
 * was running then, with others of the blocks in which they are (anchor.hpp). PostgreSQL frames.
 *
 * Statements that rewrite a table, such as VACUUM FULL, put rows into other blocks than those of their anchors. They
 * give it another file than that which pgt_source has recorded when the segment was made or emptied: all blocks of such
 * a segment are read, until it is emptied.
 */
#pragma once

#include "capture/source/source_rows.hpp"
#include "definition/state/frontier.hpp"
#include "pg/boundary.hpp"

extern "C" {
#include "executor/tuptable.h"
#include "utils/relcache.h"
}

namespace pgtrickle::capture {

/* Returns false if no more rows are needed. */
using RowReader = bool (*)(void *argument, TupleTableSlot *row);

/* Calls `read` for each row that `snapshot` sees and the frontier may not include, and for some that it does. Under one
 * snapshot, the order of those that it does not include is fixed. The segment, that of the
 * given number, is locked. Costs one index probe, one
 * more for each group of xids that were running when the frontier was taken, and the blocks. */
void read_new_rows(Relation segment, const SourceRow *source, int number, const Frontier &frontier, Snapshot snapshot,
                   RowReader read, void *argument);

} // namespace pgtrickle::capture
