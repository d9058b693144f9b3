#include "storage/apply/apply_full.hpp"

#include "pg/versions/heaps.hpp"
#include "storage/apply/placement.hpp"
#include "storage/partitions.hpp"
#include "storage/statistics.hpp"

#include <algorithm>

extern "C" {
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"
}

namespace pgtrickle::storage {

namespace {

/* As many rows as COPY collects before it writes them. */
constexpr int most_rows_in_batch = 1000;
constexpr Size most_bytes_in_batch = 65536;

struct FillReceiver {
    DestReceiver receiver; /* must be first */
    Arrangement *arrangement;
    Emitter *emitter;
    Tuplestorestate *rows;     /* of a partitioned heap, until the statement has ended; else null */
    BulkInsertState bulk;      /* null for a partitioned heap */
    MemoryContext row_context; /* reset after each row */
    MemoryContext batch_context;
    TupleTableSlot *batch[most_rows_in_batch];
    int batch_rows;
    int slots; /* allocated entries of `batch` */
    Size batch_bytes;
};

/* Whether the rows of the heap may be frozen as they are written, as by COPY FREEZE: a rollback to an earlier
 * savepoint, which cannot remove frozen rows, removes the heap itself. */
bool is_heap_of_subtransaction(Relation heap)
{
    return heap->rd_createSubid == GetCurrentSubTransactionId();
}

int insert_options(Relation heap)
{
    return is_heap_of_subtransaction(heap) ? TABLE_INSERT_SKIP_FSM | TABLE_INSERT_FROZEN : TABLE_INSERT_SKIP_FSM;
}

FillReceiver *fill_of(DestReceiver *receiver)
{
    return reinterpret_cast<FillReceiver *>(receiver);
}

/* Writes rows of one heap. */
void write_rows(FillReceiver *fill, TupleTableSlot **rows, int count)
{
    Relation heap = row_heap_of(fill->arrangement, rows[0]->tts_tableOid)->heap;
    table_multi_insert(heap, rows, count, GetCurrentCommandId(true), insert_options(heap), fill->bulk);
}

bool is_in_earlier_heap(const TupleTableSlot *one, const TupleTableSlot *other)
{
    return one->tts_tableOid < other->tts_tableOid;
}

void write_batch(FillReceiver *fill)
{
    MemoryContext previous = MemoryContextSwitchTo(fill->batch_context);
    std::stable_sort(fill->batch, fill->batch + fill->batch_rows, is_in_earlier_heap);
    for (int begin = 0, end = 0; begin < fill->batch_rows; begin = end) {
        while (end < fill->batch_rows && fill->batch[end]->tts_tableOid == fill->batch[begin]->tts_tableOid)
            end++;
        write_rows(fill, fill->batch + begin, end - begin);
    }
    MemoryContextSwitchTo(previous);
    for (int i = 0; i < fill->batch_rows; i++)
        ExecClearTuple(fill->batch[i]);
    fill->batch_rows = 0;
    fill->batch_bytes = 0;
    MemoryContextReset(fill->batch_context);
}

void add_to_batch(FillReceiver *fill, const Datum *values, const bool *nulls)
{
    TupleDesc descriptor = fill->arrangement->descriptor;
    const RowHeap *target = row_heap_for_fill(fill->arrangement, values, nulls);
    if (fill->batch_rows == fill->slots)
        fill->batch[fill->slots++] = MakeSingleTupleTableSlot(descriptor, &TTSOpsHeapTuple);
    MemoryContext previous = MemoryContextSwitchTo(fill->batch_context);
    HeapTuple tuple = heap_form_tuple(descriptor, const_cast<Datum *>(values), const_cast<bool *>(nulls));
    MemoryContextSwitchTo(previous);
    tuple->t_tableOid = RelationGetRelid(target->heap);
    ExecStoreHeapTuple(tuple, fill->batch[fill->batch_rows++], false);
    fill->batch_bytes += tuple->t_len;
    if (fill->batch_rows == most_rows_in_batch || fill->batch_bytes >= most_bytes_in_batch)
        write_batch(fill);
}

extern "C" bool receive_row(TupleTableSlot *slot, DestReceiver *receiver)
{
    FillReceiver *fill = fill_of(receiver);
    Arrangement *arrangement = fill->arrangement;
    slot_getallattrs(slot);
    MemoryContext previous = MemoryContextSwitchTo(fill->row_context);
    int count = arrangement->facts.column_count;
    TupleTableSlot *row = arrangement->write_slot;
    memcpy(row->tts_values, slot->tts_values, sizeof(Datum) * count);
    memcpy(row->tts_isnull, slot->tts_isnull, sizeof(bool) * count);
    if (arrangement->facts.found_by_count == 0) {
        gather_identity(arrangement, slot->tts_values, slot->tts_isnull);
        row->tts_values[count] =
            Int64GetDatum(arrangement->identity.hash(arrangement->identity_values, arrangement->identity_nulls));
        row->tts_isnull[count] = false;
    }
    emit(fill->emitter, slot->tts_values, slot->tts_isnull, 1);
    MemoryContextSwitchTo(previous);
    MemoryContextReset(fill->row_context);
    if (fill->rows != nullptr)
        tuplestore_putvalues(fill->rows, arrangement->descriptor, row->tts_values, row->tts_isnull);
    else
        add_to_batch(fill, row->tts_values, row->tts_isnull);
    return true;
}

extern "C" void start_fill(DestReceiver *receiver, int, TupleDesc type)
{
    Arrangement *arrangement = fill_of(receiver)->arrangement;
    if (type->natts != arrangement->facts.column_count)
        elog(ERROR, "a full statement delivers %d columns instead of %d", type->natts, arrangement->facts.column_count);
    for (int i = 0; i < type->natts; i++)
        if (TupleDescAttr(type, i)->atttypid != TupleDescAttr(arrangement->descriptor, i)->atttypid)
            elog(ERROR, "a full statement delivers column \"%s\" with type %s instead of %s",
                 NameStr(TupleDescAttr(arrangement->descriptor, i)->attname),
                 format_type_be(TupleDescAttr(type, i)->atttypid),
                 format_type_be(TupleDescAttr(arrangement->descriptor, i)->atttypid));
}

/* Partitions are created here, as a parallel statement allows no command before its end. */
void write_kept_rows(FillReceiver *fill)
{
    TupleTableSlot *slot = MakeSingleTupleTableSlot(fill->arrangement->descriptor, &TTSOpsMinimalTuple);
    while (tuplestore_gettupleslot(fill->rows, true, false, slot)) {
        CHECK_FOR_INTERRUPTS();
        slot_getallattrs(slot);
        add_to_batch(fill, slot->tts_values, slot->tts_isnull);
    }
    ExecDropSingleTupleTableSlot(slot);
    tuplestore_end(fill->rows);
}

extern "C" void end_fill(DestReceiver *receiver)
{
    FillReceiver *fill = fill_of(receiver);
    if (fill->rows != nullptr)
        write_kept_rows(fill);
    write_batch(fill);
    for (RowHeap *rows = fill->arrangement->row_heaps; rows != nullptr; rows = rows->next)
        table_finish_bulk_insert(rows->heap, insert_options(rows->heap));
    if (fill->bulk != nullptr)
        FreeBulkInsertState(fill->bulk);
    for (int i = 0; i < fill->slots; i++)
        ExecDropSingleTupleTableSlot(fill->batch[i]);
    MemoryContextDelete(fill->batch_context);
    MemoryContextDelete(fill->row_context);
}

extern "C" void destroy_fill(DestReceiver *) {}

void put_stored_rows(Arrangement *arrangement, Relation heap, DeltaSort *sort)
{
    int count = arrangement->facts.column_count;
    const bool has_hash = arrangement->facts.found_by_count == 0;
    auto *values = static_cast<Datum *>(palloc(sizeof(Datum) * (count + 3)));
    auto *nulls = static_cast<bool *>(palloc(sizeof(bool) * (count + 3)));
    TableScanDesc scan = table_beginscan(heap, GetActiveSnapshot(), 0, nullptr);
    while (table_scan_getnextslot(scan, ForwardScanDirection, arrangement->found)) {
        CHECK_FOR_INTERRUPTS();
        slot_getallattrs(arrangement->found);
        memcpy(values, arrangement->found->tts_values, sizeof(Datum) * count);
        memcpy(nulls, arrangement->found->tts_isnull, sizeof(bool) * count);
        values[count] = PointerGetDatum(&arrangement->found->tts_tid);
        nulls[count] = false;
        values[count + 1] = ObjectIdGetDatum(RelationGetRelid(heap));
        nulls[count + 1] = false;
        values[count + 2] = has_hash ? arrangement->found->tts_values[count] : static_cast<Datum>(0);
        nulls[count + 2] = !has_hash;
        put_row(sort, values, nulls);
    }
    table_endscan(scan);
    ExecClearTuple(arrangement->found);
}

/* Sorts the stored rows by the hash that they should have: all physical columns, the row's address, and the hash that
 * is stored, if there is one. That is another one after a change of a type, or of a function that hashes it. */
DeltaSort *sort_stored_rows(Arrangement *arrangement)
{
    int count = arrangement->facts.column_count;
    TupleDesc descriptor = CreateTemplateTupleDesc(count + 3);
    for (int i = 1; i <= count; i++)
        TupleDescCopyEntry(descriptor, i, arrangement->descriptor, i);
    TupleDescInitEntry(descriptor, count + 1, "ctid", TIDOID, -1, 0);
    TupleDescInitEntry(descriptor, count + 2, "tableoid", OIDOID, -1, 0);
    TupleDescInitEntry(descriptor, count + 3, "stored_hash", INT8OID, -1, 0);
    DeltaSort *sort = begin_delta_sort(descriptor, &arrangement->place, arrangement->place_positions, DeltaOrder::hash);
    ListCell *cell;
    foreach (cell, row_heaps(RelationGetRelid(arrangement->heap))) {
        Relation heap = table_open(lfirst_oid(cell), NoLock);
        put_stored_rows(arrangement, heap, sort);
        table_close(heap, NoLock);
    }
    finish_rows(sort);
    return sort;
}

struct StoredRow {
    KeptRow row;
    bool is_matched;
    StoredRow *next;
};

/* Returns an unmatched row, among the stored rows of one hash, with the same identity as `slot`; NULL if
 * there is none. */
StoredRow *match(Arrangement *arrangement, StoredRow *stored, TupleTableSlot *slot)
{
    gather_identity(arrangement, slot->tts_values, slot->tts_isnull);
    int count = arrangement->identity.count();
    auto *values = static_cast<Datum *>(palloc(sizeof(Datum) * (count + 1)));
    auto *nulls = static_cast<bool *>(palloc(sizeof(bool) * (count + 1)));
    memcpy(values, arrangement->identity_values, sizeof(Datum) * count);
    memcpy(nulls, arrangement->identity_nulls, sizeof(bool) * count);
    for (; stored != nullptr; stored = stored->next) {
        if (stored->is_matched)
            continue;
        gather_identity(arrangement, stored->row.values, stored->row.nulls);
        if (arrangement->identity.is_same(arrangement->identity_values, arrangement->identity_nulls, values, nulls))
            return stored;
    }
    return nullptr;
}

struct NewRow {
    KeptRow row;
    NewRow *next;
};

/* Returns the first row of the list that is not matched. Equal copies match from the front of the list, so the loops
 * that begin there are linear. */
StoredRow *first_unmatched(StoredRow *stored)
{
    while (stored != nullptr && stored->is_matched)
        stored = stored->next;
    return stored;
}

/* Returns an unmatched row, among the stored rows of one hash, that has the place of the new row, and marks it as
 * matched; NULL if there is none. */
StoredRow *take_of_place(Arrangement *arrangement, StoredRow *stored, const KeptRow &row)
{
    for (; stored != nullptr; stored = stored->next)
        if (!stored->is_matched &&
            is_same_place(arrangement, stored->row.values, stored->row.nulls, row.values, row.nulls)) {
            stored->is_matched = true;
            return stored;
        }
    return nullptr;
}

/* Presents a kept stored row in the form of arrangement->found. */
TupleTableSlot *as_slot(Arrangement *arrangement, TupleTableSlot *slot, const StoredRow *stored)
{
    int count = arrangement->facts.column_count;
    ExecClearTuple(slot);
    memset(slot->tts_isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
    memcpy(slot->tts_values, stored->row.values, sizeof(Datum) * count);
    memcpy(slot->tts_isnull, stored->row.nulls, sizeof(bool) * count);
    if (arrangement->facts.found_by_count == 0) {
        slot->tts_values[count] = stored->row.values[count + 2];
        slot->tts_isnull[count] = false;
    }
    ExecStoreVirtualTuple(slot);
    slot->tts_tid = *reinterpret_cast<ItemPointer>(DatumGetPointer(stored->row.values[count]));
    slot->tts_tableOid = DatumGetObjectId(stored->row.values[count + 1]);
    return slot;
}

} // namespace

DestReceiver *begin_fill(Arrangement *arrangement, Emitter *emitter)
{
    auto *fill = static_cast<FillReceiver *>(palloc0(sizeof(FillReceiver)));
    fill->receiver = {receive_row, start_fill, end_fill, destroy_fill, DestTuplestore};
    fill->arrangement = arrangement;
    fill->emitter = emitter;
    /* Since 16, one state for several heaps would extend each by 64 pages, and lose them with the next heap. */
    if (arrangement->partition_count > 0)
        fill->rows = tuplestore_begin_heap(false, false, work_mem);
    else
        fill->bulk = GetBulkInsertState();
    fill->row_context = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle fill row", ALLOCSET_DEFAULT_SIZES);
    fill->batch_context = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle fill batch", ALLOCSET_DEFAULT_SIZES);
    /* A parallel plan cannot assign the number of the (sub)transaction that its leader writes with. */
    (void)GetCurrentTransactionId();
    return &fill->receiver;
}

void build_indexes(Oid heap)
{
    ListCell *cell;
    foreach (cell, row_heaps(heap))
        rebuild_indexes(lfirst_oid(cell));
    CommandCounterIncrement();
}

bool is_new_heap(Relation heap)
{
    return heap->rd_createSubid != InvalidSubTransactionId && stored_blocks(RelationGetRelid(heap)) == 0;
}

void replace_content(Arrangement *arrangement, DeltaSort *rows, Emitter *emitter, mailbox::Progress *progress)
{
    DeltaSort *stored_rows = sort_stored_rows(arrangement);
    TupleTableSlot *stored_slot = MakeSingleTupleTableSlot(arrangement->descriptor, &TTSOpsVirtual);
    MemoryContext run_context =
        AllocSetContextCreate(CurrentMemoryContext, "pg_trickle rows of one hash", ALLOCSET_DEFAULT_SIZES);
    bool has_stored = next_row(stored_rows);
    bool has_new = next_row(rows);
    while (has_stored || has_new) {
        CHECK_FOR_INTERRUPTS();
        MemoryContext previous = MemoryContextSwitchTo(run_context);
        int64 hash = !has_stored ? hash_of_row(rows)
                     : !has_new  ? hash_of_row(stored_rows)
                                 : std::min(hash_of_row(rows), hash_of_row(stored_rows));
        StoredRow *stored = nullptr;
        for (; has_stored && hash_of_row(stored_rows) == hash; has_stored = next_row(stored_rows)) {
            auto *one = static_cast<StoredRow *>(palloc(sizeof(StoredRow)));
            *one = {keep_row(stored_rows->slot), false, stored};
            stored = one;
        }
        StoredRow *unmatched = stored;
        NewRow *added = nullptr;
        for (; has_new && hash_of_row(rows) == hash; has_new = next_row(rows)) {
            CHECK_FOR_INTERRUPTS();
            unmatched = first_unmatched(unmatched);
            if (progress != nullptr)
                progress->count();
            if (StoredRow *same = match(arrangement, unmatched, rows->slot)) {
                same->is_matched = true;
                replace_row(arrangement, as_slot(arrangement, stored_slot, same), rows->slot->tts_values,
                            rows->slot->tts_isnull, hash, emitter);
            } else {
                auto *one = static_cast<NewRow *>(palloc(sizeof(NewRow)));
                *one = {keep_row(rows->slot), added};
                added = one;
            }
        }
        for (; added != nullptr; added = added->next) {
            CHECK_FOR_INTERRUPTS();
            unmatched = first_unmatched(unmatched);
            StoredRow *before = take_of_place(arrangement, unmatched, added->row);
            replace_row(arrangement, before != nullptr ? as_slot(arrangement, stored_slot, before) : nullptr,
                        added->row.values, added->row.nulls, hash, emitter);
        }
        for (; stored != nullptr; stored = stored->next)
            if (!stored->is_matched)
                replace_row(arrangement, as_slot(arrangement, stored_slot, stored), nullptr, nullptr, hash, emitter);
        MemoryContextSwitchTo(previous);
        MemoryContextReset(run_context);
    }
    ExecDropSingleTupleTableSlot(stored_slot);
    end_delta_sort(stored_rows);
    MemoryContextDelete(run_context);
}

} // namespace pgtrickle::storage
