/*
 * Statements that look up stored rows which no pending change concerns.
 *
 * If each scan of a storage in a plan returns only rows whose value of a column k equals one of some constants and
 * parameters, and none of the touched values of k (fdw/scan/touched_values.hpp) equals one of these, then the stored
 * rows that the plan reads are those of the defining query: the plan gives the exact answer as it is. A condition of
 * the whole scan is one of its quals, or of its index; a parameter that another node sets does not count.
 *
 * PostgreSQL frame.
 */
#pragma once

#include "fdw/scan/known_touched.hpp"

extern "C" {
#include "executor/execdesc.h"
}

namespace pgtrickle {

/* Returns true if that is so for each of `relids`, under the snapshot of the statement, which sees their storages.
 * SourceRows::are_read: their sources are locked, and the snapshot shows them as their logs do. */
bool reads_untouched_rows(const QueryDesc *query, const List *relids, SourceRows rows);

/* Returns true if each scan of a storage in the plan has such a condition, whatever is touched. */
bool looks_up_rows(const QueryDesc *query, const Oid *relids, int count);

} // namespace pgtrickle
