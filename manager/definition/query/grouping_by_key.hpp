/*
 * GROUP BY a primary key permits ungrouped use of the table's other columns. Then the query depends on the
 * constraint, and its text cannot be parsed before the constraint exists: for example by pg_restore, which
 * adds constraints last.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::definition {

/* Adds to each GROUP BY of `query`, at any depth, the columns that are ungrouped because of a primary key.
 * The groups stay the same while the key holds, and the text no longer needs the key. Raises 0A000 if a
 * column cannot be grouped, or the table has inheritance children. Changes `query`. PostgreSQL frame. */
void widen_grouping(Query *query);

} // namespace pgtrickle::definition
