/*
 * The exact reads of this session. A later read must not go back in time: it may not lack a change that was committed
 * before an exact read of the same stream table. PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"
#include "pg/hooks.hpp"

extern "C" {
#include "access/xact.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
}

namespace pgtrickle {

/* Notes that a statement which is about to run reads the stream tables exactly; `at` is not later than its snapshot. */
void remember_exact_reads(const List *relids, TimestampTz at);
/* Makes what the statement at the position (running_statements.hpp), and those that it has called, have noted count: it
 * has returned. One that fails has shown nothing. */
void confirm_exact_reads(int position);
/* Whether anything has been read exactly. */
bool has_read_exactly();
/* Reads of a savepoint that is rolled back do not count; those of one that is released are reads of what is around it.
 */
void follow_subtransaction_in_reads(SubXactEvent event, SubTransactionId self, SubTransactionId parent);
/* Returns the time before which the changes were committed that this session has seen in exact reads of the stream
 * table; 0: it has not read the stream table exactly. */
TimestampTz read_exactly_at(Oid relid);
/* Whether the stored rows lack changes of this transaction that it has read exactly. */
bool lacks_own_changes_read(Oid relid);
/* Appends, as text, what functions of parallel workers have to know; nothing if nothing has been read exactly. */
void print_past_reads(StringInfo text);
/* After DISCARD ALL: the next client of a connection pool has read nothing. */
void forget_exact_reads(const UtilityCall &call);
/* Notes when a transaction ends that changes of its own that it has read are committed. Comes after the mailbox has
 * noted the time of the commit. */
void end_own_reads(XactEvent event);

} // namespace pgtrickle
