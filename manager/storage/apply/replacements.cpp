#include "storage/apply/replacements.hpp"

#include "storage/room.hpp"

extern "C" {
#include "access/tableam.h"
#include "catalog/pg_operator.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"
}

namespace pgtrickle::storage {

namespace {

Replacements *rows_of(DestReceiver *receiver)
{
    return reinterpret_cast<Replacements *>(receiver);
}

/* A place as a number, which is sorted faster than a ctid. */
int64 place_of(ItemPointer tid)
{
    return (static_cast<int64>(ItemPointerGetBlockNumber(tid)) << 16) | ItemPointerGetOffsetNumber(tid);
}

ItemPointerData tid_of(int64 place)
{
    ItemPointerData tid;
    ItemPointerSet(&tid, static_cast<BlockNumber>(place >> 16), static_cast<OffsetNumber>(place & 0xffff));
    return tid;
}

void put_replacement(Replacements *rows, const TupleTableSlot *row)
{
    const int count = rows->column_count;
    auto *tid = reinterpret_cast<ItemPointer>(DatumGetPointer(row->tts_values[count + 2]));
    TupleTableSlot *put = rows->put_slot;
    ExecClearTuple(put);
    memcpy(put->tts_values, row->tts_values, sizeof(Datum) * count);
    memcpy(put->tts_isnull, row->tts_isnull, sizeof(bool) * count);
    put->tts_values[count] = row->tts_values[count + 1];
    put->tts_values[count + 1] = Int64GetDatum(place_of(tid));
    put->tts_isnull[count] = put->tts_isnull[count + 1] = false;
    ExecStoreVirtualTuple(put);
    tuplesort_puttupleslot(rows->sort, put);
    rows->row_count++;
}

extern "C" bool receive_replacement(TupleTableSlot *slot, DestReceiver *receiver)
{
    Replacements *rows = rows_of(receiver);
    slot_getallattrs(slot);
    if (slot->tts_isnull[rows->column_count + 2])
        put_row(rows->others, slot->tts_values, slot->tts_isnull);
    else
        put_replacement(rows, slot);
    return true;
}

/* The others have the columns before the address. */
extern "C" void start_replacements(DestReceiver *receiver, int operation, TupleDesc type)
{
    DeltaSort *others = rows_of(receiver)->others;
    const int count = others->column_count;
    if (type->natts != count + 2 || TupleDescAttr(type, count)->atttypid != OIDOID ||
        TupleDescAttr(type, count + 1)->atttypid != TIDOID)
        elog(ERROR, "a maintenance statement delivers no address of the rows that it replaces");
    TupleDesc leading = CreateTemplateTupleDesc(count);
    for (int i = 1; i <= count; i++)
        TupleDescCopyEntry(leading, static_cast<AttrNumber>(i), type, static_cast<AttrNumber>(i));
    others->receiver.rStartup(&others->receiver, operation, leading);
    FreeTupleDesc(leading);
}

extern "C" void do_nothing_with(DestReceiver *) {}

/* Emits the stored row with weight -1; the snapshot sees it, unless the statement had another one. */
void emit_stored(Arrangement *arrangement, RowAddress stored, Emitter *emitter)
{
    Relation heap = row_heap_of(arrangement, stored.heap)->heap;
    if (!table_tuple_fetch_row_version(heap, &stored.tid, GetActiveSnapshot(), arrangement->found))
        elog(ERROR, "a row that is to be replaced is not visible");
    slot_getallattrs(arrangement->found);
    emit(emitter, arrangement->found->tts_values, arrangement->found->tts_isnull, -1);
}

/* The hash is stored where rows are found by it. */
int64 hash_of(Arrangement *arrangement, const Datum *values, const bool *nulls)
{
    if (arrangement->facts.found_by_count > 0)
        return 0;
    gather_identity(arrangement, values, nulls);
    return arrangement->identity.hash(arrangement->identity_values, arrangement->identity_nulls);
}

} // namespace

Replacements *begin_replacements(Arrangement *arrangement, DeltaSort *others)
{
    auto *rows = static_cast<Replacements *>(palloc0(sizeof(Replacements)));
    const int count = arrangement->facts.column_count;
    rows->receiver = {receive_replacement, start_replacements, do_nothing_with, do_nothing_with, DestTuplestore};
    rows->others = others;
    rows->column_count = count;
    rows->descriptor = CreateTemplateTupleDesc(count + 2);
    for (int i = 1; i <= count; i++)
        TupleDescCopyEntry(rows->descriptor, static_cast<AttrNumber>(i), arrangement->descriptor,
                           static_cast<AttrNumber>(i));
    TupleDescInitEntry(rows->descriptor, static_cast<AttrNumber>(count + 1), "pgt_heap", OIDOID, -1, 0);
    TupleDescInitEntry(rows->descriptor, static_cast<AttrNumber>(count + 2), "pgt_place", INT8OID, -1, 0);
    AttrNumber numbers[] = {static_cast<AttrNumber>(count + 1), static_cast<AttrNumber>(count + 2)};
    Oid less[] = {lookup_type_cache(OIDOID, TYPECACHE_LT_OPR)->lt_opr, Int8LessOperator};
    Oid collations[] = {InvalidOid, InvalidOid};
    bool nulls_first[] = {false, false};
    /* All rows of a heap that is not partitioned are in one. */
    const int first = arrangement->partition_count == 0 ? 1 : 0;
    rows->sort = tuplesort_begin_heap(rows->descriptor, 2 - first, numbers + first, less + first, collations,
                                      nulls_first, maintenance_work_mem, nullptr, TUPLESORT_NONE);
    rows->put_slot = MakeSingleTupleTableSlot(rows->descriptor, &TTSOpsVirtual);
    rows->slot = MakeSingleTupleTableSlot(rows->descriptor, &TTSOpsMinimalTuple);
    return rows;
}

void apply_replacements(Arrangement *arrangement, Replacements *rows, Emitter *emitter)
{
    const bool is_read = emitter->store != nullptr || emitter->log != nullptr;
    leave_room(RelationGetRelid(arrangement->heap), rows->row_count);
    tuplesort_performsort(rows->sort);
    while (tuplesort_gettupleslot(rows->sort, true, false, rows->slot, nullptr)) {
        CHECK_FOR_INTERRUPTS();
        slot_getallattrs(rows->slot);
        const Datum *values = rows->slot->tts_values;
        const bool *nulls = rows->slot->tts_isnull;
        const RowAddress stored{DatumGetObjectId(values[rows->column_count]),
                                tid_of(DatumGetInt64(values[rows->column_count + 1]))};
        if (is_read)
            emit_stored(arrangement, stored, emitter);
        else
            emitter->deleted++;
        update_row(arrangement, stored, values, nulls, hash_of(arrangement, values, nulls));
        emit(emitter, values, nulls, 1);
    }
    ExecClearTuple(arrangement->found);
}

void end_replacements(Replacements *rows)
{
    ExecDropSingleTupleTableSlot(rows->put_slot);
    ExecDropSingleTupleTableSlot(rows->slot);
    tuplesort_end(rows->sort);
}

} // namespace pgtrickle::storage
