/*
 * The exact reads of this session. A later read must not go back in time: it may not lack a change that was committed
 * before an exact read of the same stream table. PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
}

namespace pgtrickle {

void remember_exact_reads(const List *relids, TimestampTz at);
/* Returns when this session has last read the stream table exactly; 0: never. */
TimestampTz read_exactly_at(Oid relid);

} // namespace pgtrickle
