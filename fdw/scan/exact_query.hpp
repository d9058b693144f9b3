/*
 * Exact scans: the rows of a stream table as its defining query returns them under the snapshot of the statement.
 *
 * A statement that needs them is planned a second time when it starts (fdw/read/exact_reads.hpp). Where the pending
 * changes show which values of a column k they touch (touched_values.hpp), and k leads to its rows by an index, the
 * stream table is in that plan what it always is, its storage, but for the touched rows:
 *
 *     SELECT … FROM storage WHERE NOT is_touched(k)  UNION ALL  SELECT … FROM stream table WHERE is_touched(k)
 *
 * (planner_expansion.hpp). Groups need no index and no query: the pending changes are merged with the stored groups as
 * a refresh merges them (refresh/run/read_groups.hpp), before the statement is planned, and the scan of the touched
 * rows returns the result. Otherwise the stream table is read as a whole. Both times it is a foreign scan, whose nested
 * plan is not one over the storage alone but an *exact query*:
 *
 *     SELECT cols FROM (SELECT … FROM (defining query) definition [WHERE is_touched(k)]) rows WHERE pushed-down quals
 *
 * The scan of an entry that the planner did not expand, a partition for instance, has both parts in its exact query.
 *
 * The exact query is planned and run with the rights and settings of the stream table's owner, because it runs the
 * owner's code and reads tables that the reader may not read. So only expressions of built-in immutable functions and
 * types without code of a user, whose values depend on no setting, are pushed into it, and its rows are collected
 * before the first one is returned. The defining query and the untouched rows are behind security barriers: a qual that
 * can leak what it is given, or fail on it, sees no row that is not a row of the result.
 */
#pragma once

#include "fdw/scan/exact_planning.hpp"
#include "fdw/scan/nested_query.hpp"
#include "pg/versions/explain.hpp"

extern "C" {
#include "executor/execdesc.h"
#include "utils/snapshot.h"
#include "utils/tuplestore.h"
}

namespace pgtrickle {

/* Returns true if the exact query, which runs with the owner's rights, may evaluate `clause`, or need not. PostgreSQL
 * frame. */
bool can_be_in_exact_query(RelOptInfo *rel, Oid relid, RestrictInfo *clause);

/* Returns true if the scan returns only touched rows. PostgreSQL frame. */
bool returns_touched_rows(const RelOptInfo *rel);
/* Returns true if no touched row satisfies the clauses of the scan. PostgreSQL frame. */
bool has_no_touched_row(const RelOptInfo *rel, Oid relid);

/* Plans the exact query of a stream table of is_planned_exactly(). `columns` and `clauses` are those of plan_nested(),
 * and the clauses satisfy can_be_in_exact_query(). There is no query if the rows are known. PostgreSQL frame. */
NestedPlan plan_exact(RelOptInfo *rel, const ServedRelation *served, List *columns, List *clauses);

/* Opens and locks the relations that the exact query of `relid` reads, at any distance upstream; a list of Relations.
 * The query runs at the first fetch, which may be a later command of a cursor. While they are open, the session can
 * neither empty nor alter them, as with the tables of any open cursor. PostgreSQL frame. */
List *open_tables_of_exact_query(Oid relid, PlannedStmt *plan);

/* Runs the exact query of `relid` under the snapshot and puts its rows into `rows`. PostgreSQL frame. */
void run_exact_query(Oid relid, PlannedStmt *plan, Snapshot snapshot, ParamListInfo parameters, Tuplestorestate *rows);

/* Returns the plan of an exact query as EXPLAIN prints it; null if the user may not see it. The plan is started under
 * the snapshot: functions may be called to prune partitions. `parameters` is null if their values are not known.
 * PostgreSQL frame. */
char *explain_exact_query(Oid relid, PlannedStmt *plan, Snapshot snapshot, ParamListInfo parameters,
                          const ExplainState *outer);

} // namespace pgtrickle
