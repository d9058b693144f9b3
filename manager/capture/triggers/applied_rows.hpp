/*
 * Rows that a background worker of another module changes without a statement, as that of pglogical does. Row triggers
 * may fire then, statement triggers do not: nothing is logged of a source that is captured by statements. The logs of
 * the tables that a transaction of such a worker has changed outside of statements get markers when it commits. A
 * worker of PostgreSQL's own subscriptions fires the row triggers of its tables (row_trigger.hpp).
 *
 * PostgreSQL counts the changed rows, unless track_counts is off. PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "access/xact.h"
}

namespace pgtrickle::capture {

/* Note that a statement on the relation, which logs what it changes, begins and ends. */
void note_begun_statement(Oid relid);
void note_ended_statement(Oid relid);

/* Entries of fdw/module.cpp. */
void mark_applied_rows(XactEvent moment);
void leave_subtransaction(SubXactEvent moment, SubTransactionId self, SubTransactionId parent);

} // namespace pgtrickle::capture
