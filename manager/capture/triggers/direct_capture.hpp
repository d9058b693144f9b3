/*
 * Capture of the rows of a statement as it changes them, without its triggers.
 *
 * Statement triggers with transition tables cost a statement that changes one row more than the insertion into the
 * log: PostgreSQL copies each row into a tuplestore, queues and fires two triggers, and the trigger reads the rows
 * back. A statement that changes one table is therefore given an empty RETURNING list whose evaluation logs the row:
 *
 *     ModifyTable     changes a row, then evaluates the list with it    → its old and new image go to the sinks;
 *     its wrapper     calls ModifyTable until no row is left            → the sinks are written.
 *
 * Where it has a list of its own, the wrapper logs each row that is returned, by what the list was evaluated with, and
 * the sinks are written at the last row, or at ExecutorFinish if SPI stops the statement at a row limit.
 *
 * Each statement is captured in one of the two ways: where the list is given, before the statement begins, its own
 * copies of the flags by which PostgreSQL fires the statement triggers are cleared, and its transition tables detached.
 * If nothing else runs while PostgreSQL prepares it, the relation does not show these triggers meanwhile, and neither
 * is made. The triggers stay for all else: COPY, subscriptions, MERGE, DELETE with RETURNING, ON CONFLICT DO UPDATE,
 * commands in WITH, those through partitioned tables and parents, and for a server that has not preloaded the library.
 * They stay where users have triggers for the same event, too, which fire in the order of the names and expect the
 * statement to be in progress.
 *
 * The logs are those that the table has when the statement begins. If code of a user that it runs attaches or detaches
 * the table, the logs that are not the same at its end get markers.
 *
 * As with triggers, the statement is in progress (open_statement.hpp) from before its first row is read to when all
 * of its rows are in the log. Actions of foreign keys are statements of their own. PostgreSQL frames.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle::capture {

/* Entry of fdw/module.cpp: runs at ExecutorStart, the innermost one. */
void start_direct_capture(QueryDesc *query, int flags, const Next &next);
/* Entry of fdw/module.cpp, around that: has the transition tables, which PostgreSQL makes at ExecutorStart even
 * if nothing fills them, leave no memory behind in a subtransaction. */
void start_with_transition_tables(QueryDesc *query, int flags, const Next &next);
/* Called at ExecutorFinish, before AFTER triggers fire. */
void finish_direct_capture(const QueryDesc *query);

} // namespace pgtrickle::capture
