/*
 * Which statements that change a captured relation are under way in this backend.
 *
 * A BEFORE STATEMENT trigger opens, the AFTER STATEMENT trigger of the same relation and
 * command closes. In between (row triggers, other CTEs of the statement, cascades) the table is
 * changed and its log is not complete. An error leaves its statement open until the
 * (sub)transaction it happened in aborts. A statement that is still open at commit was
 * stopped before its AFTER triggers (SPI with a row limit does that): a marker is written.
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
/* Whether a statement on one of the relations themselves is under way. */
bool is_statement_open_on(const List *relids);

/* Whether a statement that changes `source` is under way in this transaction: its log is
 * not complete, and the source is in an intermediate state. A few nanoseconds. */
bool statement_is_open(Oid source);
/* Raises 55006 if so. */
void require_no_open_statement(Oid source);

/* Entries of fdw/module.cpp. */
void settle_open_statements(XactEvent moment);
void settle_open_statements_of(SubXactEvent moment, SubTransactionId self, SubTransactionId parent);

} // namespace pgtrickle::capture
