#include "storage/bound.hpp"

#include "definition/state/frontier.hpp"
#include "storage/partitions.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_partitioned_table.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

namespace pgtrickle::storage {

struct BoundCheck {
    Oid stream_table;
    int column_count;
    AttrNumber *columns; /* the live columns */
    EState *state;
    ExprState *condition;
    TupleTableSlot *row;
};

namespace {

bool satisfies(BoundCheck *check, const AttrNumber *columns, int count, const Datum *values, const bool *nulls)
{
    TupleTableSlot *row = check->row;
    ExecClearTuple(row);
    memset(row->tts_isnull, true, sizeof(bool) * row->tts_tupleDescriptor->natts);
    for (int i = 0; i < count; i++) {
        if (columns[i] <= 0)
            continue;
        row->tts_values[columns[i] - 1] = values[i];
        row->tts_isnull[columns[i] - 1] = nulls[i];
    }
    ExecStoreVirtualTuple(row);
    ExprContext *context = GetPerTupleExprContext(check->state);
    context->ecxt_scantuple = row;
    const bool is_satisfied = ExecCheck(check->condition, context);
    ResetExprContext(context);
    ExecClearTuple(row);
    return is_satisfied;
}

void end_bound_check(BoundCheck *check)
{
    ExecDropSingleTupleTableSlot(check->row);
    FreeExecutorState(check->state);
}

/* Returns true if all rows of one heap of the storage, which begin with the outputs, satisfy the check. */
bool do_all_satisfy(BoundCheck *check, Oid heap_oid)
{
    Relation heap = table_open(heap_oid, AccessShareLock);
    TupleTableSlot *slot = table_slot_create(heap, nullptr);
    TableScanDesc scan = table_beginscan(heap, GetActiveSnapshot(), 0, nullptr);
    bool is_satisfied = true;
    while (is_satisfied && table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
        CHECK_FOR_INTERRUPTS();
        slot_getallattrs(slot);
        is_satisfied = satisfies(check, check->columns, check->column_count, slot->tts_values, slot->tts_isnull);
    }
    table_endscan(scan);
    ExecDropSingleTupleTableSlot(slot);
    table_close(heap, NoLock);
    return is_satisfied;
}

void verify_rows(Oid stream_table, Oid heap)
{
    BoundCheck *check = begin_bound_check(stream_table);
    if (check == nullptr)
        return;
    bool is_satisfied = true;
    PushActiveSnapshot(latest_snapshot());
    ListCell *cell;
    foreach (cell, row_heaps(heap))
        is_satisfied = is_satisfied && do_all_satisfy(check, lfirst_oid(cell));
    PopActiveSnapshot();
    end_bound_check(check);
    if (!is_satisfied)
        ereport(ERROR,
                (errcode(ERRCODE_CHECK_VIOLATION),
                 errmsg("partition constraint of relation \"%s\" is violated by some row", get_rel_name(stream_table)),
                 errhint("Add a condition to the query of the stream table.")));
}

/* `relation` may be a partitioned table that has stream tables among its partitions. */
void verify_relation(Oid relation)
{
    ListCell *cell;
    if (!OidIsValid(relation))
        return;
    foreach (cell, find_all_inheritors(relation, AccessShareLock, nullptr)) {
        const Oid member = lfirst_oid(cell);
        const Oid heap = get_rel_relkind(member) == RELKIND_FOREIGN_TABLE ? storage_of(member) : InvalidOid;
        if (!OidIsValid(heap))
            continue;
        verify_rows(member, heap);
    }
}

void verify_default_partition(Oid parent)
{
    if (OidIsValid(parent) && get_rel_relkind(parent) == RELKIND_PARTITIONED_TABLE)
        verify_relation(get_default_partition_oid(parent));
}

} // namespace

BoundCheck *begin_bound_check(Oid stream_table)
{
    if (!get_rel_relispartition(stream_table))
        return nullptr;
    Relation table = table_open(stream_table, AccessShareLock);
    auto *check = static_cast<BoundCheck *>(palloc0(sizeof(BoundCheck)));
    const TupleDesc columns = CreateTupleDescCopy(RelationGetDescr(table));
    check->stream_table = stream_table;
    check->columns = static_cast<AttrNumber *>(palloc(sizeof(AttrNumber) * (columns->natts + 1)));
    check->column_count = columns->natts;
    for (int i = 0; i < columns->natts; i++)
        check->columns[i] = static_cast<AttrNumber>(i + 1);
    check->state = CreateExecutorState();
    check->row = MakeSingleTupleTableSlot(columns, &TTSOpsVirtual);
    MemoryContext previous = MemoryContextSwitchTo(check->state->es_query_cxt);
    check->condition = ExecPrepareExpr(
        make_ands_explicit(static_cast<List *>(copyObjectImpl(RelationGetPartitionQual(table)))), check->state);
    MemoryContextSwitchTo(previous);
    table_close(table, NoLock);
    return check;
}

void check_bound(BoundCheck *check, const Datum *values, const bool *nulls)
{
    check_bound(check, check->columns, check->column_count, values, nulls);
}

void check_bound(BoundCheck *check, const AttrNumber *columns, int count, const Datum *values, const bool *nulls)
{
    if (!satisfies(check, columns, count, values, nulls))
        ereport(ERROR,
                (errcode(ERRCODE_CHECK_VIOLATION),
                 errmsg("new row for relation \"%s\" violates partition constraint", get_rel_name(check->stream_table)),
                 errhint("Add a condition to the query of the stream table, or detach it.")));
}

namespace {

/* Returns the columns of the partition key, by the numbers of the partitioned table, as members of pull_varattnos(). */
Bitmapset *columns_of_key(Oid table)
{
    Bitmapset *columns = nullptr;
    HeapTuple row = SearchSysCache1(PARTRELID, ObjectIdGetDatum(table));
    if (!HeapTupleIsValid(row))
        return nullptr;
    const auto *form = reinterpret_cast<Form_pg_partitioned_table>(GETSTRUCT(row));
    for (int i = 0; i < form->partnatts; i++)
        if (form->partattrs.values[i] != 0)
            columns = bms_add_member(columns, form->partattrs.values[i] - FirstLowInvalidHeapAttributeNumber);
    bool is_null;
    const Datum stored = SysCacheGetAttr(PARTRELID, row, Anum_pg_partitioned_table_partexprs, &is_null);
    if (!is_null)
        pull_varattnos(static_cast<::Node *>(stringToNode(TextDatumGetCString(stored))), 1, &columns);
    ReleaseSysCache(row);
    return columns;
}

} // namespace

Bitmapset *columns_of_bound(Oid stream_table)
{
    Bitmapset *columns = nullptr;
    if (!get_rel_relispartition(stream_table))
        return nullptr;
    ListCell *cell;
    foreach (cell, get_partition_ancestors(stream_table)) {
        const Oid ancestor = lfirst_oid(cell);
        const Bitmapset *of_key = columns_of_key(ancestor);
        for (int member = -1; (member = bms_next_member(of_key, member)) >= 0;) {
            const auto number = static_cast<AttrNumber>(member + FirstLowInvalidHeapAttributeNumber);
            const AttrNumber own =
                number > 0 ? get_attnum(stream_table, get_attname(ancestor, number, false)) : InvalidAttrNumber;
            columns = bms_add_member(columns, own - FirstLowInvalidHeapAttributeNumber); /* 0: the whole row */
        }
    }
    return columns;
}

void verify_bounds(const UtilityCall &utility)
{
    ::Node *statement = utility.statement();
    if (IsA(statement, CreateStmt) || IsA(statement, CreateForeignTableStmt)) {
        const auto *create = reinterpret_cast<CreateStmt *>(statement); /* the other one begins with it */
        if (create->partbound != nullptr && !create->partbound->is_default) {
            CommandCounterIncrement();
            verify_default_partition(RangeVarGetRelid(linitial_node(RangeVar, create->inhRelations), NoLock, true));
        }
        return;
    }
    const auto *alter = castNode(AlterTableStmt, statement);
    ListCell *cell;
    foreach (cell, alter->cmds) {
        const auto *command = lfirst_node(AlterTableCmd, cell);
        if (command->subtype != AT_AttachPartition)
            continue;
        CommandCounterIncrement();
        verify_relation(RangeVarGetRelid(castNode(PartitionCmd, command->def)->name, NoLock, true));
        verify_default_partition(RangeVarGetRelid(alter->relation, NoLock, true));
    }
}

} // namespace pgtrickle::storage
