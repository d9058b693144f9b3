/*
 * Gives new ranges of a partitioned storage their partitions, after its refresh (storage/apply/placement.hpp).
 *
 * C++ frames; they throw PgError.
 */
#pragma once

#include "refresh/program/compiled.hpp"

namespace pgtrickle::refresh {

/* Places the rows that the refresh has left in the default partition, unless the storage is in use: a later refresh
 * tries again. The caller runs the refresh in this transaction, and this is its last step: readers wait for the end of
 * the transaction. So a transaction block, whose end may be far away, places nothing. */
void place_rows(Compiled &compiled);

} // namespace pgtrickle::refresh
