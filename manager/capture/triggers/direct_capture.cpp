#include "capture/triggers/direct_capture.hpp"

#include "capture/log/chunk.hpp"
#include "capture/log/marker.hpp"
#include "capture/triggers/open_statement.hpp"

extern "C" {
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "nodes/plannodes.h"
#include "parser/parsetree.h"
#include "utils/memutils.h"
}

#include <algorithm>

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

/* Lies in the memory of the statement; ri_FdwState of the table, which PostgreSQL uses for foreign tables only. */
struct DirectCapture {
    ProjectionInfo returning; /* the empty list, unless the statement has one */
    ExprContext context;      /* with which it is evaluated */
    ExecProcNodeMtd run;      /* of the ModifyTable */
    ResultRelInfo *written;
    const Targets *targets; /* as they were when the statement began */
    CmdType command;
    AttrNumber highest; /* of the logged columns */
    bool has_begun;
    bool has_ended;
    int count;
    Sink *sinks;
};

DirectCapture *capture_of(PlanState *node)
{
    return static_cast<DirectCapture *>(castNode(ModifyTableState, node)->rootResultRelInfo->ri_FdwState);
}

int event_of(CmdType command)
{
    return command == CMD_INSERT   ? TRIGGER_TYPE_INSERT
           : command == CMD_UPDATE ? TRIGGER_TYPE_UPDATE
           : command == CMD_DELETE ? TRIGGER_TYPE_DELETE
                                   : 0;
}

bool has_target(const Target *items, int count, Oid source)
{
    return std::any_of(items, items + count, [=](const Target &item) { return item.source == source; });
}

/* Where code of a user has attached or detached the table while the statement ran, one log lacks its rows, and another
 * one has too many: they get markers. */
void mark_other_logs(const DirectCapture *capture)
{
    if (capture->targets->is_valid)
        return;
    const char *reason = "a partition or child came or went while a statement changed rows of it";
    const Targets *before = capture->targets, *now = hold_targets(capture->written->ri_RelationDesc);
    for (int i = 0; i < now->row_count; i++)
        if (!has_target(before->items, before->count, now->row_items[i].source))
            mark_own(now->row_items[i].source, reason);
    for (int i = 0; i < before->count; i++)
        if (!has_target(now->row_items, now->row_count, before->items[i].source))
            mark_own(before->items[i].source, reason);
}

void begin(DirectCapture *capture)
{
    if (!capture->has_begun)
        open_statement(capture->written->ri_RelationDesc, capture->command);
    capture->has_begun = true;
}

void end(DirectCapture *capture)
{
    if (!capture->has_begun || capture->has_ended)
        return;
    for (int i = 0; i < capture->count; i++)
        close_sink(&capture->sinks[i]);
    mark_other_logs(capture);
    close_statement(RelationGetRelid(capture->written->ri_RelationDesc), capture->command);
    capture->has_ended = true;
}

/* Logs a row that was changed, given the one with which the RETURNING list is evaluated. */
void log_returned(DirectCapture *capture, TupleTableSlot *returned)
{
    TupleTableSlot *old_row = capture->command == CMD_DELETE   ? returned
                              : capture->command == CMD_UPDATE ? capture->written->ri_oldTupleSlot
                                                               : nullptr;
    TupleTableSlot *new_row = capture->command == CMD_DELETE ? nullptr : returned;
    for (TupleTableSlot *row : {old_row, new_row})
        if (row != nullptr)
            slot_getsomeattrs(row, capture->highest);
    log_change(capture->sinks, capture->count, old_row, new_row);
}

/* The evaluation of the empty list. */
Datum evaluate_empty_list(ExprState *list, ExprContext *context, bool *)
{
    log_returned(static_cast<DirectCapture *>(list->evalfunc_private), context->ecxt_scantuple);
    return static_cast<Datum>(0);
}

/* The next two stand for the function of the ModifyTable. */
TupleTableSlot *run_to_last_row(PlanState *node)
{
    DirectCapture *capture = capture_of(node);
    begin(capture);
    const TupleTableSlot *returned;
    do
        returned = capture->run(node);
    while (!TupIsNull(returned));
    end(capture);
    return nullptr;
}

TupleTableSlot *run_to_next_row(PlanState *node)
{
    DirectCapture *capture = capture_of(node);
    begin(capture);
    TupleTableSlot *returned = capture->run(node);
    if (TupIsNull(returned))
        end(capture);
    else
        log_returned(capture, capture->written->ri_projectReturning->pi_exprContext->ecxt_scantuple);
    return returned;
}

void give_returning_list(DirectCapture *capture, ModifyTableState *state)
{
    ExprState *list = &capture->returning.pi_state;
    capture->returning.type = T_ProjectionInfo;
    capture->returning.pi_exprContext = &capture->context;
    list->type = T_ExprState;
    list->evalfunc = evaluate_empty_list;
    list->evalfunc_private = capture;
    list->resultslot = MakeTupleTableSlot(state->ps.ps_ResultTupleDesc, &TTSOpsVirtual);
    capture->context.type = T_ExprContext;
    capture->context.ecxt_per_query_memory = CurrentMemoryContext;
    capture->context.ecxt_per_tuple_memory = CurrentMemoryContext; /* sinks keep what they allocate */
    capture->written->ri_projectReturning = &capture->returning;
}

/* The statement has copies of its own of what is changed here. */
void detach_triggers(ModifyTableState *state)
{
    state->mt_transition_capture = nullptr;
    TriggerDesc *triggers = state->rootResultRelInfo->ri_TrigDesc;
    if (triggers == nullptr)
        return;
    switch (state->operation) {
    case CMD_INSERT: triggers->trig_insert_before_statement = triggers->trig_insert_after_statement = false; break;
    case CMD_UPDATE: triggers->trig_update_before_statement = triggers->trig_update_after_statement = false; break;
    default: triggers->trig_delete_before_statement = triggers->trig_delete_after_statement = false; break;
    }
}

/* Returns the plan if the statement changes rows of one table by one command, and each row can be seen; otherwise
 * nullptr. Once a deleted row is returned, only what the list has taken from it is left. */
const ModifyTable *simple_plan_of(const PlannedStmt *statement)
{
    if (!IsA(statement->planTree, ModifyTable) || statement->hasModifyingCTE)
        return nullptr;
    const auto *plan = castNode(ModifyTable, statement->planTree);
    const bool is_simple = plan->canSetTag && plan->rootRelation == 0 && list_length(plan->resultRelations) == 1 &&
                           (plan->returningLists == NIL || plan->operation != CMD_DELETE) &&
                           plan->onConflictAction != ONCONFLICT_UPDATE;
    return is_simple ? plan : nullptr;
}

/* Whether no code of users or extensions runs while PostgreSQL prepares the statement. It calls functions to prune
 * partitions and where it loads a domain, and foreign tables and custom scans do what they like. Indexes, constraints
 * and generated columns are loaded with the first row. The plan depends on all functions and domains that it uses, but
 * for PostgreSQL's own. */
bool is_prepared_alone(const PlannedStmt *statement, const ModifyTable *plan)
{
    if (statement->invalItems != NIL || statement->subplans != NIL)
        return false;
    switch (nodeTag(outerPlan(plan))) {
    case T_SeqScan:
    case T_IndexScan:
    case T_BitmapHeapScan:
    case T_TidScan:
    case T_ValuesScan: return true;
    case T_Result: return outerPlan(outerPlan(plan)) == nullptr;
    default: return false;
    }
}

void take_over(EState *execution, ModifyTableState *state, const Targets *targets)
{
    ResultRelInfo *written = state->rootResultRelInfo;
    MemoryContext old_context = MemoryContextSwitchTo(execution->es_query_cxt);
    hold(targets);
    auto *capture = static_cast<DirectCapture *>(palloc0(sizeof(DirectCapture) + sizeof(Sink) * targets->count));
    capture->written = written;
    capture->targets = targets;
    capture->command = state->operation;
    capture->count = targets->count;
    capture->sinks = reinterpret_cast<Sink *>(capture + 1);
    for (int i = 0; i < targets->count; i++) {
        capture->sinks[i].target = &targets->items[i];
        capture->highest = std::max(capture->highest, targets->items[i].highest);
    }
    if (written->ri_projectReturning == nullptr)
        give_returning_list(capture, state);
    written->ri_FdwState = capture;
    capture->run = state->ps.ExecProcNodeReal;
    ExecSetExecProcNode(&state->ps,
                        written->ri_projectReturning == &capture->returning ? run_to_last_row : run_to_next_row);
    detach_triggers(state);
    MemoryContextSwitchTo(old_context);
}

/* Gives the relation back the triggers that it had. If its entry was built again meanwhile, it has got others, and
 * PostgreSQL has freed those that it showed: no other statement uses these targets. */
void show_triggers(Relation written, TriggerDesc *all, const Targets *targets)
{
    if (written->trigdesc == targets->of_rows) {
        written->trigdesc = all;
    } else {
        FreeTriggerDesc(all);
        const_cast<Targets *>(targets)->of_rows = nullptr;
        const_cast<Targets *>(targets)->is_valid = false;
    }
}

/* PostgreSQL copies the descriptions of all triggers, and makes transition tables, before any can be detached: where
 * nothing else runs, the relation does not show the statement triggers while PostgreSQL prepares the statement. */
void start_captured(QueryDesc *query, Relation written, const Targets *targets, bool is_prepared_alone,
                    const Next &next)
{
    TriggerDesc *const all = written->trigdesc;
    keep(targets);
    if (is_prepared_alone)
        written->trigdesc = targets->of_rows;
    PG_TRY();
    {
        next();
        take_over(query->estate, castNode(ModifyTableState, query->planstate), targets);
    }
    PG_FINALLY();
    {
        if (is_prepared_alone)
            show_triggers(written, all, targets);
        release(targets);
    }
    PG_END_TRY();
}

Oid written_by(const PlannedStmt *statement, const ModifyTable *plan)
{
    return rt_fetch(linitial_int(plan->resultRelations), statement->rtable)->relid;
}

} // namespace

void start_direct_capture(QueryDesc *query, int flags, const Next &next)
{
    const PlannedStmt *statement = query->plannedstmt;
    const ModifyTable *plan = (flags & EXEC_FLAG_EXPLAIN_ONLY) == 0 ? simple_plan_of(statement) : nullptr;
    if (plan == nullptr)
        return next();
    Relation written = table_open(written_by(statement, plan), NoLock);
    const Targets *targets = written->trigdesc != nullptr ? find_targets(written) : nullptr;
    if (targets != nullptr && (targets->direct_events & event_of(plan->operation)) != 0)
        start_captured(query, written, targets, is_prepared_alone(statement, plan), next);
    else
        next();
    table_close(written, NoLock);
}

/* PostgreSQL frees transition tables when the statement ends. But CurTransactionContext is kept to the end of the
 * transaction once anything was allocated in it: 8 kB for each subtransaction that writes. An error sets it again. */
void start_with_transition_tables(QueryDesc *query, int, const Next &next)
{
    if (GetCurrentTransactionNestLevel() == 1 || query->plannedstmt->resultRelations == NIL)
        return next();
    MemoryContext own = CurTransactionContext;
    CurTransactionContext = TopTransactionContext;
    PG_TRY();
    {
        next();
    }
    PG_FINALLY();
    {
        CurTransactionContext = own;
    }
    PG_END_TRY();
}

void finish_direct_capture(const QueryDesc *query)
{
    PlanState *top = query->planstate;
    if (top != nullptr && top->ExecProcNodeReal == run_to_next_row)
        end(capture_of(top));
}

} // namespace pgtrickle::capture
