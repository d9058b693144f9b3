/*
 * GROUP BY a primary key allows the table's other columns to stand ungrouped. Then the query
 * depends on the constraint, and its text cannot be read before the constraint exists: by
 * pg_restore, for one, which adds constraints last.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::definition {

/* Adds to each GROUP BY of `query`, at any depth, the columns that stand ungrouped thanks to a
 * primary key. The groups stay the same while the key holds, and the text no longer needs it.
 * Raises 0A000 where a column cannot be grouped. Changes `query`. PostgreSQL frame. */
void widen_grouping(Query *query);

} // namespace pgtrickle::definition
