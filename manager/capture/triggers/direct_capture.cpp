#include "capture/triggers/direct_capture.hpp"

#include "capture/log/chunk.hpp"
#include "capture/log/marker.hpp"
#include "capture/triggers/open_statement.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "nodes/plannodes.h"
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
    TriggerDesc *triggers = state->rootResultRelInfo->ri_TrigDesc;
    switch (state->operation) {
    case CMD_INSERT: triggers->trig_insert_before_statement = triggers->trig_insert_after_statement = false; break;
    case CMD_UPDATE: triggers->trig_update_before_statement = triggers->trig_update_after_statement = false; break;
    default: triggers->trig_delete_before_statement = triggers->trig_delete_after_statement = false; break;
    }
    state->mt_transition_capture = nullptr;
}

/* Whether the statement changes rows of one table by one command, and each row can be seen. Once a deleted row is
 * returned, only what the list has taken from it is left. */
bool is_simple(const ModifyTableState *state)
{
    const auto *plan = castNode(ModifyTable, state->ps.plan);
    return state->mt_nrels == 1 && state->resultRelInfo == state->rootResultRelInfo &&
           (plan->returningLists == NIL || state->operation != CMD_DELETE) &&
           plan->onConflictAction != ONCONFLICT_UPDATE;
}

void take_over(EState *execution, ModifyTableState *state)
{
    ResultRelInfo *written = state->rootResultRelInfo;
    if (written->ri_TrigDesc == nullptr || !is_simple(state))
        return;
    const Targets *targets = find_targets(written->ri_RelationDesc);
    if ((targets->direct_events & event_of(state->operation)) == 0)
        return;
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

} // namespace

void start_direct_capture(QueryDesc *query, int flags, const Next &next)
{
    next();
    if ((flags & EXEC_FLAG_EXPLAIN_ONLY) == 0 && query->planstate != nullptr &&
        IsA(query->planstate, ModifyTableState) && query->estate->es_auxmodifytables == NIL)
        take_over(query->estate, castNode(ModifyTableState, query->planstate));
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
