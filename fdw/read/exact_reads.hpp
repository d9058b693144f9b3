/*
 * Exact reads: a statement gets the rows of the defining queries as of its own snapshot, whatever has been refreshed.
 *
 * Invariant: under the snapshot R of a statement, the storage of a stream table has the rows of its defining query if R
 * sees that it is filled, and no change of a source, at any distance, that the frontier that R sees does not include.
 * Otherwise the stream table is read by its exact query (exact_query.hpp) under R. So no write, no refresh and no wait
 * is needed, and the stream tables and tables of one statement show one state.
 *
 * Whether a change is pending is known when the statement starts, under R, and not when it is planned. A plan therefore
 * carries the query that it was made of, in an entry of its range table to which nothing refers. A statement with
 * pending changes is planned again from that query when it starts, and runs that second plan once.
 *
 * Stream tables are read exactly if pg_trickle.read_mode is exact; if pg_trickle.consistent_reads is on and they would
 * show different states; and if the snapshot or the transaction of the statement excludes a refresh that is due.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "fdw/read/freshness.hpp"
#include "fdw/read/plan_age.hpp"

extern "C" {
#include "executor/execdesc.h"
#include "nodes/plannodes.h"
}

namespace pgtrickle {

/* Returns a copy of a query that is about to be expanded and planned, or null if it may read no stream table. */
const Query *copy_for_exact_plan(const Query *query);
/* Lets `plan` carry the query, which may be null, if it reads stream tables; `begun` is count_of_relation_changes() of
 * when its planning began. */
void keep_for_exact_plan(PlannedStmt *plan, const Query *query, uint64 begun);
/* Returns is_older_than_children() of a plan that can be made again; false of another one. */
bool is_to_be_planned_again(const PlannedStmt *plan);

/* Returns true if the statement may call functions that read stream tables: any but IMMUTABLE ones of users, and those
 * of PostgreSQL that run queries; of a statement that reads no stream table itself, any of users. Costs nothing: it is
 * determined when the statement is planned. */
bool may_call_readers(const PlannedStmt *plan);

/* Returns true if the statement reads its stream tables exactly, without requesting a refresh first. */
bool is_read_exactly(const PlannedStmt *plan, const Oid *relids, int count);
/* Returns true if the statement can be planned again. */
bool can_be_read_exactly(const PlannedStmt *plan);

/* Returns true if an exact read may run the queries of all of the stream tables in this session. */
bool may_all_be_computed(const Oid *relids, int count);

/* Returns true if the stream table can be read exactly without waiting for another transaction. Locks its sources. */
bool can_be_computed_at_once(Oid relid);
/* Returns true if an exact read may run the queries of all of the stream tables, and would wait for no transaction now.
 * Locks nothing. */
bool could_all_be_computed_at_once(const Oid *relids, int count);

enum class Planned {
    as_before, /* nothing has to be computed */
    again,
    source_is_replaced, /* the snapshot shows a source, at any distance, otherwise than its log does: another
                         * transaction has truncated, rewritten, attached or detached something since; its rows are
                         * those of no moment. Or the log, which would say so, was trimmed since */
};

/* Whether the plan may be older than the snapshot in a way that matters (plan_age.hpp): then it may lack children or
 * partitions of plain tables whose rows stream tables have. */
enum class PlanAge { of_snapshot, before_replacement };

/* Replaces the plan of a statement that is about to start under its snapshot by one that reads the stream tables with
 * pending changes exactly, also if there are none if the plan is from before a replacement; `flags` are those of the
 * executor. Locks their sources at any distance to the end of the transaction. Sets `memory` to that of the plan, which
 * is used only once: the caller gives it to the executor's state as soon as that exists, because a function may run the
 * statement any number of times in memory that it does not reset; or to null if the plan stays. */
Planned plan_exact_reads(QueryDesc *query, int flags, const Oid *relids, int count, PlanAge age, MemoryContext *memory);

/* Returns true if the plan that plan_exact_reads() has made may rely on a constraint of a source that is newer than the
 * snapshot of the statement, and that rows under this snapshot violate. */
bool relies_on_newer_constraint(const QueryDesc *query, const Oid *relids, int count);
/* Raises 40001 for a statement that cannot take a new snapshot, and a source is replaced. */
void raise_replaced_source(const Oid *relids, int count, Snapshot snapshot);

} // namespace pgtrickle
