/*
 * Exact scans: the rows of a stream table as its defining query returns them under the snapshot of the statement.
 *
 * A statement that needs them is planned a second time when it starts (fdw/read/exact_reads.hpp). In that plan the
 * stream table is a foreign scan, whose nested plan is not one over the storage alone but an *exact query*:
 *
 *     SELECT cols FROM (defining query) rows WHERE pushed-down quals
 *
 * or, where the pending changes show which rows they can concern (touched_values.hpp) and if that is cheaper,
 *
 *     SELECT cols FROM (SELECT … FROM storage WHERE NOT touched UNION ALL
 *                       SELECT … FROM (defining query) definition WHERE touched) rows WHERE pushed-down quals
 *
 * The exact query is planned and run with the rights and settings of the stream table's owner, because it runs the
 * owner's code and reads tables that the reader may not read. So only expressions of built-in immutable functions and
 * types without code of a user are pushed into it, and its rows are collected before the first one is returned. The
 * defining query and the untouched rows are behind security barriers: a qual that can leak what it is given, or fail
 * on it, sees no row that is not a row of the result.
 */
#pragma once

#include "fdw/scan/nested_query.hpp"
#include "pg/versions/explain.hpp"

extern "C" {
#include "executor/execdesc.h"
#include "utils/snapshot.h"
#include "utils/tuplestore.h"
}

namespace pgtrickle {

/* While an object exists, the next statement to be planned reads `relids` exactly under the snapshot. C++ frames. */
class ExactPlanning {
  public:
    ExactPlanning(const List *relids, Snapshot snapshot);
    ~ExactPlanning();
    ExactPlanning(const ExactPlanning &) = delete;
    ExactPlanning &operator=(const ExactPlanning &) = delete;

  private:
    const List *outer_relids_;
    Snapshot outer_snapshot_;
    bool was_begun_;
};

/* Returns true if a second plan is being made. */
bool is_planning_exactly();
/* Called when the planning of a statement begins. Returns false if that is one of a function that the planner evaluates
 * for the second plan. It has nothing to do with that plan, and its own plan may be kept: it has to be planned without
 * the present ExactPlanning. */
bool begin_statement_of_exact_planning();
/* Returns true if the statement that is being planned reads the stream table exactly. PostgreSQL frame. */
bool is_planned_exactly(Oid relid);

/* Returns true if the exact query, which runs with the owner's rights, may evaluate `clause`. PostgreSQL frame. */
bool can_be_in_exact_query(RelOptInfo *rel, RestrictInfo *clause);

/* Plans the exact query of a stream table of is_planned_exactly(). `columns` and `clauses` are those of plan_nested(),
 * and the clauses satisfy can_be_in_exact_query(). PostgreSQL frame. */
NestedPlan plan_exact(RelOptInfo *rel, const ServedRelation *served, List *columns, List *clauses);

/* Opens and locks the relations that the exact query of `relid` reads, at any distance upstream; a list of Relations.
 * The query runs at the first fetch, which may be a later command of a cursor. While they are open, the session can
 * neither empty nor alter them, as with the tables of any open cursor. PostgreSQL frame. */
List *open_tables_of_exact_query(Oid relid, PlannedStmt *plan);

/* Runs the exact query of `relid` under the snapshot and puts its rows into `rows`. PostgreSQL frame. */
void run_exact_query(Oid relid, PlannedStmt *plan, Snapshot snapshot, ParamListInfo parameters, Tuplestorestate *rows);

/* Returns the plan of an exact query as EXPLAIN prints it; null if the user may not see it. PostgreSQL frame. */
char *explain_exact_query(Oid relid, PlannedStmt *plan, const ExplainState *outer);

} // namespace pgtrickle
