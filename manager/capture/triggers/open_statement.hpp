/*
 * Which statements that change a captured relation are in progress in this backend.
 *
 * A BEFORE STATEMENT trigger opens a statement; the AFTER STATEMENT trigger of the same relation and command
 * closes it. In between (row triggers, other CTEs of the statement, cascades) the table is changed and its
 * log is not complete. After an error, the statement stays open until the (sub)transaction aborts. A
 * statement that is still open at commit was stopped before its AFTER triggers (SPI with a row limit does
 * that): a marker is written.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/nodes.h"
#include "nodes/pg_list.h"
}

namespace pgtrickle::capture {

void open_statement(Oid relid, CmdType command);
void close_statement(Oid relid, CmdType command);
/* Whether a statement on one of these relations themselves is in progress. */
bool is_statement_open_on(const List *relids);

/* Whether a statement that changes `source` is in progress in this transaction: the log of `source` is not
 * complete, and `source` is in an intermediate state. Costs a few nanoseconds. */
bool statement_is_open(Oid source);
/* Raises 55006 if statement_is_open(). */
void require_no_open_statement(Oid source);

/* Entries of fdw/module.cpp. */
void settle_open_statements(XactEvent moment);
void settle_open_statements_of(SubXactEvent moment, SubTransactionId self, SubTransactionId parent);

} // namespace pgtrickle::capture
