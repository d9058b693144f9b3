/*
 * Gives new ranges of a partitioned storage their partitions, after a refresh (storage/apply/placement.hpp).
 *
 * No step of a refresh itself: a reader whose transaction refreshes has planned its statement already, and would
 * not read the partitions that the plan does not know.
 *
 * C++ frames; they throw PgError.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::refresh {

/* Places the rows that refreshes of the stream table have left in the default partition. Returns false if rows are
 * left because the stream table is in use. Readers wait for the end of the transaction, so nothing is placed within a
 * transaction block, whose end may be far away. Never waits for a lock itself. */
bool place_rows(Oid relid);

} // namespace pgtrickle::refresh
