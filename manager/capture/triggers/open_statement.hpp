/*
 * Which statements that change a captured relation are in progress in this backend.
 *
 * A BEFORE STATEMENT trigger opens a statement; the AFTER STATEMENT trigger of the same relation and command
 * closes it. In between (row triggers, other CTEs of the statement, cascades) the table is changed and its
 * log is not complete: what the statement has changed is *unlogged*. After an error, the statement stays open until the
 * (sub)transaction aborts. What a subscription applies counts as one statement, on all relations. A statement that is
 * still open at commit was stopped before its AFTER triggers (SPI with a row limit does that): a marker is written.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "lib/stringinfo.h"
#include "nodes/nodes.h"
#include "nodes/pg_list.h"
#include "utils/relcache.h"
}

namespace pgtrickle::capture {

/* CMD_UTILITY is TRUNCATE. */
void open_statement(Relation relation, CmdType command);
void close_statement(Oid relid, CmdType command);
/* Whether a statement on one of these relations themselves is in progress. */
bool is_statement_open_on(const List *relids);

/* Whether any statement on a captured relation is in progress in this transaction. */
bool has_open_statement();
/* Whether a statement in progress has changed rows of `source` that a query with the command id `reader`
 * sees, so that the log of `source` lacks them. A statement that names a partitioned table or a parent is
 * taken to have changed rows as soon as it is open, and so is TRUNCATE. Costs a few nanoseconds if no
 * statement is open. */
bool has_unlogged_changes(Oid source, CommandId reader);
/* Raises 55006 if there are unlogged changes of `source`, which a later command would see. */
void require_no_unlogged_changes(Oid source);

/* Statements that are in progress in a session are in its parallel workers, too, where functions may read what they
 * have changed. The first one appends them to a text, as `open …;` each; the other one takes them over in a worker. */
void print_open_statements(StringInfo text);
void add_open_statements(const char *text);

/* Entries of fdw/module.cpp. */
void settle_open_statements(XactEvent moment);
void settle_open_statements_of(SubXactEvent moment, SubTransactionId self, SubTransactionId parent);

} // namespace pgtrickle::capture
