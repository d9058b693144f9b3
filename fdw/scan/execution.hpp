/*
 * The FDW scan: a *nested scan* over the storage.
 *
 * For each path, planning builds the query
 *     SELECT cols FROM storage WHERE pushed-down quals [ORDER BY an index's columns]
 * as a tree and plans it. The path's cost is that of the nested plan, and the path keeps the plan.
 * Expressions that come from outside (outer columns of a parameterised path, values of outer queries,
 * parameters of the statement) are evaluated by the outer scan and passed to the nested plan as its external
 * parameters. Execution runs the nested plan in an executor state of its own, under the outer statement's
 * snapshot, and returns each row without copying the values.
 *
 * It serves the cases that the planner's expansion (planner_expansion.hpp) does not handle: partitions and
 * inheritance children, entries created during planning, system columns; and all cases if
 * pg_trickle.enable_expansion is off. The nested query of an exact read (exact_query.hpp) is another one. All functions
 * are PostgreSQL frames, which PostgreSQL calls as the callbacks of the same name.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "executor/execdesc.h"
#include "foreign/fdwapi.h"
#include "nodes/pathnodes.h"
}

namespace pgtrickle {

/* Contents of ForeignScan.fdw_private as scan_plan creates it, in this order. */
enum class ScanPrivate : int {
    plan,    /* PlannedStmt of the nested query */
    columns, /* integer list: column of the foreign table that is the k-th output of the nested plan */
    way,     /* String: how an exact query (exact_query.hpp) obtains the rows; empty for another nested query */
    rows,    /* Const: if there is no plan, the address of the rows, a List of KeptRow in the memory of the statement's
              * plan, which is run once */
};

void scan_rel_size(PlannerInfo *root, RelOptInfo *rel, Oid relid);
void scan_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid);
ForeignScan *scan_plan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path, List *tlist, List *clauses,
                       Plan *outer_plan);
List *scan_reparameterize(PlannerInfo *root, List *kept, RelOptInfo *child);

void scan_begin(ForeignScanState *node, int eflags);
TupleTableSlot *scan_iterate(ForeignScanState *node);
void scan_rescan(ForeignScanState *node);
void scan_end(ForeignScanState *node);

/* Returns the nested plan while it runs; null before the first fetch. */
QueryDesc *nested_query(ForeignScanState *node);
/* Returns the plan of the exact query, and its way; null if the scan reads the storage. */
PlannedStmt *exact_plan(ForeignScanState *node);
const char *exact_way(ForeignScanState *node);
/* Returns the parameters of the nested plan as the last fetch has set them; null if there are some, and none has. */
ParamListInfo known_parameters(ForeignScanState *node);
void scan_explain(ForeignScanState *node, ExplainState *es);

/* ANALYZE of the foreign table: samples its rows, and analyses the storage, because the planner uses the
 * storage's statistics. */
bool analyze_stream_table(Relation table, AcquireSampleRowsFunc *sample, BlockNumber *pages);

} // namespace pgtrickle
