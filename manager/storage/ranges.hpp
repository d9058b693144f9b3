/*
 * The ranges into which the storage of a stream table is partitioned: equal widths of an integer, hours, days,
 * months or years of a time.
 *
 * Ranges do not depend on the settings of a session: a timestamptz belongs to the range of its time in UTC. A
 * value without a range of its own is NULL, infinite, or so far away that its range has no end in the type.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "definition/partition_by.hpp"
#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::storage {

/* In the units of the type: days, microseconds or numbers. `from` belongs to the range, `to` does not. */
struct Range {
    int64 from;
    int64 to;
};

bool has_ranges(Oid type, RangeWidth width);

/* Returns false if the value has no range of its own. */
bool range_of(Oid type, RangeWidth width, Datum value, Range *range);

PartitionBoundSpec *bound_of(Oid type, const Range &range);

} // namespace pgtrickle::storage
