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
/* Returns the time before which the changes were committed that this session has seen in exact reads of the stream
 * table; 0: it has none read. Changes that a transaction of its own has read before it committed count from the end of
 * the transaction on. */
TimestampTz read_exactly_at(Oid relid);
/* Whether this transaction has read the stream table exactly after it had changed a source of it. */
bool has_read_own_changes(Oid relid);

} // namespace pgtrickle
