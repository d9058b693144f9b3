#include "storage/apply/delta_sort.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_operator.h"
#include "executor/executor.h"
#include "utils/typcache.h"
}

namespace pgtrickle::storage {

namespace {

DeltaSort *sort_of(DestReceiver *receiver)
{
    return reinterpret_cast<DeltaSort *>(receiver);
}

extern "C" bool receive_slot(TupleTableSlot *slot, DestReceiver *receiver)
{
    slot_getallattrs(slot);
    put_row(sort_of(receiver), slot->tts_values, slot->tts_isnull);
    return true;
}

extern "C" void start_up(DestReceiver *receiver, int, TupleDesc type)
{
    DeltaSort *delta = sort_of(receiver);
    if (type->natts != delta->column_count)
        elog(ERROR, "a maintenance statement delivers %d columns instead of %d", type->natts, delta->column_count);
    for (int i = 0; i < type->natts; i++)
        if (TupleDescAttr(type, i)->atttypid != TupleDescAttr(delta->descriptor, i)->atttypid)
            elog(ERROR, "a maintenance statement delivers column \"%s\" with type %s instead of %s",
                 NameStr(TupleDescAttr(delta->descriptor, i)->attname),
                 format_type_be(TupleDescAttr(type, i)->atttypid),
                 format_type_be(TupleDescAttr(delta->descriptor, i)->atttypid));
}

Tuplesortstate *sort_by_hash(DeltaSort *delta)
{
    AttrNumber hash_number = static_cast<AttrNumber>(delta->column_count + 1);
    Oid less = Int8LessOperator;
    Oid collation = InvalidOid;
    bool nulls_first = false;
    return tuplesort_begin_heap(delta->descriptor, 1, &hash_number, &less, &collation, &nulls_first,
                                maintenance_work_mem, nullptr, TUPLESORT_NONE);
}

Tuplesortstate *sort_by_values(DeltaSort *delta)
{
    AttrNumber numbers[INDEX_MAX_KEYS];
    Oid less[INDEX_MAX_KEYS], collations[INDEX_MAX_KEYS];
    bool nulls_first[INDEX_MAX_KEYS] = {};
    for (int i = 0; i < delta->place_count; i++) {
        Form_pg_attribute attribute = TupleDescAttr(delta->descriptor, delta->place_positions[i]);
        numbers[i] = attribute->attnum;
        less[i] = lookup_type_cache(attribute->atttypid, TYPECACHE_LT_OPR)->lt_opr;
        collations[i] = attribute->attcollation;
    }
    return tuplesort_begin_heap(delta->descriptor, delta->place_count, numbers, less, collations, nulls_first,
                                maintenance_work_mem, nullptr, TUPLESORT_NONE);
}

extern "C" void do_nothing(DestReceiver *) {}

} // namespace

DeltaSort *begin_delta_sort(TupleDesc columns, const Identity *place, const int *place_positions, DeltaOrder order)
{
    auto *delta = static_cast<DeltaSort *>(palloc0(sizeof(DeltaSort)));
    delta->receiver = {receive_slot, start_up, do_nothing, do_nothing, DestTuplestore};
    delta->place = place;
    delta->place_count = place->count();
    delta->place_positions = place_positions;
    delta->column_count = columns->natts;
    delta->descriptor = CreateTemplateTupleDesc(columns->natts + 1);
    for (int i = 1; i <= columns->natts; i++)
        TupleDescCopyEntry(delta->descriptor, i, columns, i);
    TupleDescInitEntry(delta->descriptor, columns->natts + 1, "pgt_hash", INT8OID, -1, 0);
    delta->sort = order == DeltaOrder::hash ? sort_by_hash(delta) : sort_by_values(delta);
    delta->put_slot = MakeSingleTupleTableSlot(delta->descriptor, &TTSOpsVirtual);
    delta->slot = MakeSingleTupleTableSlot(delta->descriptor, &TTSOpsMinimalTuple);
    delta->row_context = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle delta row", ALLOCSET_SMALL_SIZES);
    delta->place_values = static_cast<Datum *>(palloc(sizeof(Datum) * (delta->column_count + 1)));
    delta->place_nulls = static_cast<bool *>(palloc(sizeof(bool) * (delta->column_count + 1)));
    return delta;
}

void put_row(DeltaSort *delta, const Datum *values, const bool *nulls)
{
    MemoryContext previous = MemoryContextSwitchTo(delta->row_context);
    for (int i = 0; i < delta->place_count; i++) {
        delta->place_values[i] = values[delta->place_positions[i]];
        delta->place_nulls[i] = nulls[delta->place_positions[i]];
    }
    const int64 hash = delta->place->hash(delta->place_values, delta->place_nulls);
    MemoryContextSwitchTo(previous);
    MemoryContextReset(delta->row_context);
    put_hashed_row(delta, values, nulls, hash);
}

void put_hashed_row(DeltaSort *delta, const Datum *values, const bool *nulls, int64 hash)
{
    TupleTableSlot *row = delta->put_slot;
    memcpy(row->tts_values, values, sizeof(Datum) * delta->column_count);
    memcpy(row->tts_isnull, nulls, sizeof(bool) * delta->column_count);
    row->tts_values[delta->column_count] = Int64GetDatum(hash);
    row->tts_isnull[delta->column_count] = false;
    ExecStoreVirtualTuple(row);
    tuplesort_puttupleslot(delta->sort, row);
    ExecClearTuple(row);
    delta->row_count++;
}

void finish_rows(DeltaSort *delta)
{
    tuplesort_performsort(delta->sort);
}

bool next_row(DeltaSort *delta)
{
    if (!tuplesort_gettupleslot(delta->sort, true, false, delta->slot, nullptr))
        return false;
    slot_getallattrs(delta->slot);
    return true;
}

int64 hash_of_row(const DeltaSort *delta)
{
    return DatumGetInt64(delta->slot->tts_values[delta->column_count]);
}

void end_delta_sort(DeltaSort *delta)
{
    ExecDropSingleTupleTableSlot(delta->put_slot);
    ExecDropSingleTupleTableSlot(delta->slot);
    tuplesort_end(delta->sort);
    MemoryContextDelete(delta->row_context);
}

KeptRow keep_row(TupleTableSlot *slot)
{
    int count = slot->tts_tupleDescriptor->natts;
    KeptRow row = {static_cast<Datum *>(palloc(sizeof(Datum) * count)),
                   static_cast<bool *>(palloc(sizeof(bool) * count))};
    MinimalTuple copy = ExecCopySlotMinimalTuple(slot);
    HeapTupleData tuple = {};
    tuple.t_len = copy->t_len + MINIMAL_TUPLE_OFFSET;
    tuple.t_data = reinterpret_cast<HeapTupleHeader>(reinterpret_cast<char *>(copy) - MINIMAL_TUPLE_OFFSET);
    heap_deform_tuple(&tuple, slot->tts_tupleDescriptor, row.values, row.nulls);
    return row;
}

} // namespace pgtrickle::storage
