/*
 * Execution of a nested scan.
 *
 * The nested plan is started at the first fetch, with the outer statement's snapshot, and in its memory,
 * because a fetch is called in memory that is reset for each row. The standard executor runs the plan without
 * its hooks, because the plan is part of the outer statement, for which the hooks have run.
 */
#include "fdw/scan/execution.hpp"

#include "fdw/scan/exact_query.hpp"
#include "fdw/scan/nested_query.hpp"
#include "fdw/scan/served_relation.hpp"
#include "pg/versions/executor.hpp"
#include "storage/apply/delta_sort.hpp"
#include "storage/bound.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "tcop/dest.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

/* State of a nested scan, in the outer statement's memory. */
struct NestedScan {
    PlannedStmt *plan;
    int column_count;    /* columns of the nested plan's output, except sort columns */
    AttrNumber *columns; /* the foreign table's column of each of them; negative: a system column */
    bool has_system_columns;
    bool is_exact;
    List *tables;             /* open for an exact query */
    Tuplestorestate *rows;    /* of an exact query; null: not run yet, or there is none */
    MemoryContext run_memory; /* of each run of it */
    List *known_rows;         /* if there is no plan */
    int next_known;
    int known_columns;
    TupleTableSlot *row;        /* the present one of these */
    storage::BoundCheck *bound; /* null: not begun yet, or it is no partition */
    QueryDesc *query;           /* null: not running */
    bool has_to_rewind;         /* rewind before the next fetch */
    List *parameter_states;     /* ExprStates of the outer scan */
    ParamListInfo parameters;
    MemoryContext parameter_memory; /* memory for values passed by reference; null: there are no parameters */
    bool has_values;                /* of all parameters; those of the last run stay */
    bool has_changing_parameters;   /* between rescans */
};

template <class Type> Type *part(ForeignScanState *node, ScanPrivate which)
{
    List *kept = castNode(ForeignScan, node->ss.ps.plan)->fdw_private;
    return static_cast<Type *>(list_nth(kept, static_cast<int>(which)));
}

NestedScan *scan_of(ForeignScanState *node)
{
    return static_cast<NestedScan *>(node->fdw_state);
}

void prepare_parameters(ForeignScanState *node, NestedScan *scan)
{
    List *expressions = castNode(ForeignScan, node->ss.ps.plan)->fdw_exprs;
    int count = list_length(expressions);
    scan->parameter_states = ExecInitExprList(expressions, &node->ss.ps);
    scan->parameters = makeParamList(count);
    scan->has_changing_parameters = has_changing_parameter(reinterpret_cast<Node *>(expressions));
    for (int i = 0; i < count; i++)
        scan->parameters->params[i] = {0, true, 0, exprType(static_cast<Node *>(list_nth(expressions, i)))};
    if (count > 0)
        scan->parameter_memory =
            AllocSetContextCreate(CurrentMemoryContext, "parameters of a nested scan", ALLOCSET_SMALL_SIZES);
}

void set_parameters(ForeignScanState *node, NestedScan *scan)
{
    if (scan->parameter_memory == nullptr || (scan->has_values && !scan->has_changing_parameters))
        return;
    scan->has_values = true;
    MemoryContextReset(scan->parameter_memory);
    ListCell *cell;
    foreach (cell, scan->parameter_states) {
        ParamExternData *parameter = &scan->parameters->params[foreach_current_index(cell)];
        parameter->value = ExecEvalExprSwitchContext(static_cast<ExprState *>(lfirst(cell)), node->ss.ps.ps_ExprContext,
                                                     &parameter->isnull);
        int16 length;
        bool is_by_value;
        get_typlenbyval(parameter->ptype, &length, &is_by_value);
        if (parameter->isnull || is_by_value)
            continue;
        MemoryContext outer = MemoryContextSwitchTo(scan->parameter_memory);
        parameter->value = datumCopy(parameter->value, is_by_value, length);
        MemoryContextSwitchTo(outer);
    }
}

bool has_all_values(const NestedScan *scan)
{
    return scan->parameter_memory == nullptr || scan->has_values;
}

void describe(ForeignScanState *node, NestedScan *scan)
{
    scan->query = CreateQueryDesc(scan->plan, "", node->ss.ps.state->es_snapshot, InvalidSnapshot, None_Receiver,
                                  scan->parameters, nullptr, 0);
}

void start(ForeignScanState *node, NestedScan *scan)
{
    describe(node, scan);
    standard_ExecutorStart(scan->query, EXEC_FLAG_SKIP_TRIGGERS);
}

/* Parameters of the statement have values, unless it is planned for any. */
void start_explained(ForeignScanState *node, NestedScan *scan)
{
    if (!scan->has_changing_parameters && node->ss.ps.state->es_param_list_info != nullptr)
        set_parameters(node, scan);
    describe(node, scan);
    start_for_explain(scan->query, has_all_values(scan));
}

void stop(NestedScan *scan)
{
    if (scan->query == nullptr)
        return;
    if ((scan->query->estate->es_top_eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
        standard_ExecutorFinish(scan->query);
    standard_ExecutorEnd(scan->query);
    FreeQueryDesc(scan->query);
    scan->query = nullptr;
}

bool can_rewind(const NestedScan *scan)
{
    return !scan->has_changing_parameters || evaluates_parameters_again(scan->plan);
}

void begin_known_rows(ForeignScanState *node, NestedScan *scan)
{
    const Datum address = part<Const>(node, ScanPrivate::rows)->constvalue;
    scan->known_rows = reinterpret_cast<List *>(DatumGetPointer(address));
    scan->row = MakeSingleTupleTableSlot(CreateTemplateTupleDesc(scan->column_count), &TTSOpsVirtual);
    for (int i = 0; i < scan->column_count; i++)
        scan->known_columns += scan->columns[i] > 0 ? 1 : 0;
}

/* The outputs come first in a row; system columns are NULL. */
void take_known_row(NestedScan *scan)
{
    TupleTableSlot *row = scan->row;
    ExecClearTuple(row);
    if (scan->next_known == list_length(scan->known_rows))
        return;
    const auto *known = static_cast<const storage::KeptRow *>(list_nth(scan->known_rows, scan->next_known++));
    memset(row->tts_isnull, true, sizeof(bool) * scan->column_count);
    memcpy(row->tts_values, known->values, sizeof(Datum) * scan->known_columns);
    memcpy(row->tts_isnull, known->nulls, sizeof(bool) * scan->known_columns);
    ExecStoreVirtualTuple(row);
}

bool is_next_collected(NestedScan *scan)
{
    if (scan->plan == nullptr)
        take_known_row(scan);
    else
        (void)tuplestore_gettupleslot(scan->rows, true, false, scan->row);
    return !TupIsNull(scan->row);
}

void begin_bound(ForeignScanState *node, NestedScan *scan)
{
    MemoryContext previous = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
    scan->bound = storage::begin_bound_check(RelationGetRelid(node->ss.ss_currentRelation));
    MemoryContextSwitchTo(previous);
}

/* Raises 23514 if a computed row is outside of the bound of the stream table: the planner would not find it by another
 * condition. */
void verify_collected(ForeignScanState *node, NestedScan *scan)
{
    const Oid relid = RelationGetRelid(node->ss.ss_currentRelation);
    if (!get_rel_relispartition(relid))
        return;
    act_as_owner(relid, [=] {
        call([=] {
            if (scan->bound == nullptr)
                begin_bound(node, scan);
            while (is_next_collected(scan)) {
                CHECK_FOR_INTERRUPTS();
                slot_getallattrs(scan->row);
                storage::check_bound(scan->bound, scan->columns, scan->column_count, scan->row->tts_values,
                                     scan->row->tts_isnull);
            }
        });
    });
}

void begin_rows(ForeignScanState *node, NestedScan *scan)
{
    MemoryContext previous = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
    scan->rows = tuplestore_begin_heap(false, false, work_mem);
    scan->row = MakeSingleTupleTableSlot(ExecCleanTypeFromTL(scan->plan->planTree->targetlist), &TTSOpsMinimalTuple);
    scan->run_memory = AllocSetContextCreate(CurrentMemoryContext, "run of an exact query", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(previous);
}

/* Collects the rows of an exact query, or goes back to the first one. */
void make_rows_ready(ForeignScanState *node, NestedScan *scan)
{
    if (scan->rows != nullptr && !scan->has_changing_parameters) {
        tuplestore_rescan(scan->rows);
        return;
    }
    if (scan->rows == nullptr)
        begin_rows(node, scan);
    tuplestore_clear(scan->rows);
    MemoryContext previous = MemoryContextSwitchTo(scan->run_memory);
    run_exact_query(RelationGetRelid(node->ss.ss_currentRelation), scan->plan, node->ss.ps.state->es_snapshot,
                    scan->parameters, scan->rows);
    verify_collected(node, scan);
    tuplestore_rescan(scan->rows);
    MemoryContextSwitchTo(previous);
    MemoryContextReset(scan->run_memory);
}

void make_ready(ForeignScanState *node, NestedScan *scan)
{
    scan->has_to_rewind = false;
    if (scan->plan == nullptr) {
        scan->next_known = 0;
        if (scan->bound == nullptr) {
            MemoryContext previous = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
            verify_collected(node, scan);
            MemoryContextSwitchTo(previous);
            scan->next_known = 0;
        }
        return;
    }
    set_parameters(node, scan);
    if (scan->is_exact) {
        make_rows_ready(node, scan);
        return;
    }
    MemoryContext row = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
    if (scan->query != nullptr && can_rewind(scan))
        ExecReScan(scan->query->planstate);
    else {
        stop(scan);
        start(node, scan);
    }
    MemoryContextSwitchTo(row);
}

} // namespace

void scan_begin(ForeignScanState *node, int flags)
{
    auto *scan = static_cast<NestedScan *>(palloc0(sizeof(NestedScan)));
    node->fdw_state = scan;
    scan->plan = part<PlannedStmt>(node, ScanPrivate::plan);
    List *columns = part<List>(node, ScanPrivate::columns);
    scan->column_count = list_length(columns);
    scan->columns = static_cast<AttrNumber *>(palloc(sizeof(AttrNumber) * (scan->column_count + 1)));
    ListCell *cell;
    foreach (cell, columns) {
        scan->columns[foreach_current_index(cell)] = static_cast<AttrNumber>(lfirst_int(cell));
        scan->has_system_columns |= lfirst_int(cell) < 0;
    }
    /* Columns that the plan does not need stay NULL. */
    TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
    memset(slot->tts_isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
    scan->is_exact = *exact_way(node) != '\0';
    if (scan->plan == nullptr)
        begin_known_rows(node, scan);
    else if (scan->is_exact)
        scan->tables = open_tables_of_exact_query(RelationGetRelid(node->ss.ss_currentRelation), scan->plan);
    prepare_parameters(node, scan);
    if ((flags & EXEC_FLAG_EXPLAIN_ONLY) && !scan->is_exact)
        start_explained(node, scan);
    else
        scan->has_to_rewind = true;
}

namespace {

void set_system_column(HeapTuple row, AttrNumber column, Datum value)
{
    HeapTupleHeader header = row->t_data;
    switch (column) {
    case SelfItemPointerAttributeNumber: row->t_self = *reinterpret_cast<ItemPointer>(DatumGetPointer(value)); break;
    case MinTransactionIdAttributeNumber: HeapTupleHeaderSetXmin(header, DatumGetTransactionId(value)); break;
    case MaxTransactionIdAttributeNumber: HeapTupleHeaderSetXmax(header, DatumGetTransactionId(value)); break;
    case MinCommandIdAttributeNumber:
    case MaxCommandIdAttributeNumber: header->t_choice.t_heap.t_field3.t_cid = DatumGetCommandId(value); break;
    default: break;
    }
}

/* Makes the row in the scan's slot one with the system columns of the stored row. */
TupleTableSlot *with_system_columns(ForeignScanState *node, const NestedScan *scan, TupleTableSlot *nested)
{
    TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
    HeapTuple row = heap_form_tuple(slot->tts_tupleDescriptor, slot->tts_values, slot->tts_isnull);
    /* From here on, the header is that of a table's row, and not of a composite value. */
    row->t_data->t_infomask = (row->t_data->t_infomask & ~HEAP_XACT_MASK) | HEAP_XMAX_INVALID;
    row->t_data->t_infomask2 &= ~HEAP2_XACT_MASK;
    row->t_tableOid = RelationGetRelid(node->ss.ss_currentRelation);
    for (int i = 0; i < scan->column_count; i++)
        if (scan->columns[i] < 0 && !nested->tts_isnull[i])
            set_system_column(row, scan->columns[i], nested->tts_values[i]);
    row->t_data->t_ctid = row->t_self;
    return ExecStoreHeapTuple(row, slot, false);
}

} // namespace

namespace {

TupleTableSlot *next_row(NestedScan *scan)
{
    if (scan->plan == nullptr) {
        take_known_row(scan);
        return scan->row;
    }
    /* The fetch is called in memory that is reset for each row, while the row lives until the next fetch. */
    MemoryContext previous =
        MemoryContextSwitchTo(scan->is_exact ? scan->row->tts_mcxt : scan->query->estate->es_query_cxt);
    TupleTableSlot *row = scan->row;
    if (scan->is_exact)
        (void)tuplestore_gettupleslot(scan->rows, true, false, row);
    else
        row = ExecProcNode(scan->query->planstate);
    MemoryContextSwitchTo(previous);
    return row;
}

} // namespace

TupleTableSlot *scan_iterate(ForeignScanState *node)
{
    NestedScan *scan = scan_of(node);
    if (scan->has_to_rewind)
        make_ready(node, scan);
    TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
    ExecClearTuple(slot);
    TupleTableSlot *nested = next_row(scan);
    if (TupIsNull(nested))
        return slot;
    slot_getsomeattrs(nested, scan->column_count);
    for (int i = 0; i < scan->column_count; i++) {
        if (scan->columns[i] < 0)
            continue;
        slot->tts_values[scan->columns[i] - 1] = nested->tts_values[i];
        slot->tts_isnull[scan->columns[i] - 1] = nested->tts_isnull[i];
    }
    return scan->has_system_columns ? with_system_columns(node, scan, nested) : ExecStoreVirtualTuple(slot);
}

void scan_rescan(ForeignScanState *node)
{
    scan_of(node)->has_to_rewind = true;
}

void scan_end(ForeignScanState *node)
{
    NestedScan *scan = scan_of(node);
    if (scan == nullptr)
        return;
    stop(scan);
    ListCell *cell;
    foreach (cell, scan->tables)
        relation_close(static_cast<Relation>(lfirst(cell)), NoLock);
    if (scan->rows != nullptr)
        tuplestore_end(scan->rows);
    if (scan->row != nullptr)
        ExecDropSingleTupleTableSlot(scan->row);
}

QueryDesc *nested_query(ForeignScanState *node)
{
    return scan_of(node)->query;
}

const char *exact_way(ForeignScanState *node)
{
    return strVal(part<String>(node, ScanPrivate::way));
}

PlannedStmt *exact_plan(ForeignScanState *node)
{
    return scan_of(node)->is_exact ? scan_of(node)->plan : nullptr;
}

ParamListInfo known_parameters(ForeignScanState *node)
{
    const NestedScan *scan = scan_of(node);
    return has_all_values(scan) ? scan->parameters : nullptr;
}

} // namespace pgtrickle
