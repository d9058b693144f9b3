/*
 * The handler of the wrapper: the callbacks of a foreign-data wrapper and the functions that implement them.
 * Scans are supported (execution.hpp); all direct changes of a stream table are refused
 * (write_rejection.hpp).
 */
#include "fdw/import_schema.hpp"
#include "fdw/scan/execution.hpp"
#include "fdw/scan/write_rejection.hpp"

extern "C" {
#include "parser/parsetree.h"
}

namespace {

/* Rules and information_schema use this. No command can write to a stream table. */
int updatable_commands(Relation)
{
    return 0;
}

/* Planning calls this for an UPDATE or DELETE, and plan_modify for an INSERT. */
void add_row_identity(PlannerInfo *root, Index, RangeTblEntry *, Relation table)
{
    pgtrickle::refuse_dml_of(root->parse, RelationGetRelid(table));
}

List *plan_modify(PlannerInfo *root, ModifyTable *, Index target, int)
{
    pgtrickle::refuse_dml_of(root->parse, planner_rt_fetch(target, root)->relid);
}

void truncate(List *tables, DropBehavior, bool)
{
    pgtrickle::refuse_direct_dml(RelationGetRelid(static_cast<Relation>(linitial(tables))));
}

/* A worker runs the nested plan as the leader does. Clauses are checked by PostgreSQL. */
bool is_parallel_safe(PlannerInfo *, RelOptInfo *, RangeTblEntry *)
{
    return true;
}

/* A stream table that is joined with locked tables is read without locks; its own rows cannot be locked. */
RowMarkType row_mark_type(RangeTblEntry *entry, LockClauseStrength strength)
{
    if (strength != LCS_NONE)
        pgtrickle::refuse_row_locks(entry->relid);
    return ROW_MARK_COPY;
}

} // namespace

SQL_FUNCTION(pgtrickle_fdw_handler)
{
    FdwRoutine *routine = pgtrickle::call([] { return makeNode(FdwRoutine); });
    routine->GetForeignRelSize = pgtrickle::scan_rel_size;
    routine->GetForeignPaths = pgtrickle::scan_paths;
    routine->GetForeignPlan = pgtrickle::scan_plan;
    routine->BeginForeignScan = pgtrickle::scan_begin;
    routine->IterateForeignScan = pgtrickle::scan_iterate;
    routine->ReScanForeignScan = pgtrickle::scan_rescan;
    routine->EndForeignScan = pgtrickle::scan_end;
    routine->IsForeignScanParallelSafe = is_parallel_safe;
    routine->ReparameterizeForeignPathByChild = pgtrickle::scan_reparameterize;
    routine->ExplainForeignScan = pgtrickle::scan_explain;
    routine->AnalyzeForeignTable = pgtrickle::analyze_stream_table;
    routine->IsForeignRelUpdatable = updatable_commands;
    routine->AddForeignUpdateTargets = add_row_identity;
    routine->PlanForeignModify = plan_modify;
    routine->ExecForeignTruncate = truncate;
    routine->GetForeignRowMarkType = row_mark_type;
    routine->ImportForeignSchema = pgtrickle::import_schema;
    return PointerGetDatum(routine);
}
