#include "capture/log/chunk.hpp"

#include "capture/log/anchor.hpp"
#include "capture/log/segment.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/versions/heaps.hpp"
#include "pg/versions/varlena.hpp"

extern "C" {
#include "access/detoast.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "commands/vacuum.h"
#include "nodes/makefuncs.h"
#include "utils/datum.h"
#include "utils/xid8.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

constexpr Size first_capacity = 512; /* of a buffer: enough for most statements that change one row */

/* Number of chunks that this transaction has written. A rolled back savepoint leaves a gap. */
FullTransactionId counted_xid = {0};
int32_t counted = 0;

int32_t next_seq(FullTransactionId xid)
{
    if (!FullTransactionIdEquals(xid, counted_xid)) {
        counted_xid = xid;
        counted = 0;
    }
    return ++counted;
}

void open_segment(ChunkWriter *writer)
{
    writer->segment = table_open(writer->target->segment, RowExclusiveLock);
    mailbox::note_change(writer->target->source);
}

void open_entries(ChunkWriter *writer)
{
    MemoryContext old_context = MemoryContextSwitchTo(writer->memory);
    writer->indexes = open_indexes(writer->segment, &writer->index_count);
    writer->index_info = plain_index_info(1, BTREE_AM_OID);
    writer->index_info->ii_IndexAttrNumbers[0] = l_xid;
    MemoryContextSwitchTo(old_context);
}

void begin_bulk(ChunkWriter *writer)
{
    MemoryContext old_context = MemoryContextSwitchTo(writer->memory);
    writer->bulk = GetBulkInsertState();
    MemoryContextSwitchTo(old_context);
}

/* Whether the segment has no other index than its own, as far as the relation cache knows. */
bool has_own_index_only(Relation segment)
{
    return segment->rd_indexvalid && list_length(segment->rd_indexlist) == 1;
}

/* Inserts the row into the heap, bypassing the executor: privileges, triggers and replica identity do not apply.
 * Returns its place. */
ItemPointerData insert_row(ChunkWriter *writer, Datum *values, bool *nulls, bool is_indexed)
{
    values[l_indexed - 1] = BoolGetDatum(is_indexed);
    HeapTuple tuple = heap_form_tuple(RelationGetDescr(writer->segment), values, nulls);
    heap_insert(writer->segment, tuple, GetCurrentCommandId(true), 0, writer->bulk);
    const ItemPointerData place = tuple->t_self;
    heap_freetuple(tuple);
    return place;
}

void insert_with_entry(ChunkWriter *writer, FullTransactionId xid, Datum *values, bool *nulls)
{
    if (writer->indexes == nullptr)
        open_entries(writer);
    const bool is_first = expect_entry(writer->segment, xid);
    ItemPointerData place = insert_row(writer, values, nulls, true);
    for (int i = 0; i < writer->index_count; i++)
        index_insert(writer->indexes[i], &values[l_xid - 1], &nulls[l_xid - 1], &place, writer->segment,
                     UNIQUE_CHECK_NO, false, writer->index_info);
    if (is_first)
        note_first_entry(writer->segment, ItemPointerGetBlockNumber(&place));
}

/* Returns false if the row needs an entry: nothing was inserted then, or no command sees it any more. */
bool insert_without_entry(ChunkWriter *writer, FullTransactionId xid, Datum *values, bool *nulls)
{
    /* A row is removed by a command of its own, which a parallel statement cannot begin. */
    if (writer->bulk != nullptr || nulls[l_data - 1] || IsInParallelMode() || !has_own_index_only(writer->segment))
        return false;
    const Size length = heap_compute_data_size(RelationGetDescr(writer->segment), values, nulls) +
                        MAXALIGN(SizeofHeapTupleHeader + BITMAPLEN(l_count));
    const BlockNumber block = anchored_block(writer->segment, xid, length);
    if (block == InvalidBlockNumber)
        return false;
    ItemPointerData place = insert_row(writer, values, nulls, false);
    if (ItemPointerGetBlockNumber(&place) == block) {
        take_anchored_room(writer->segment, length);
        return true;
    }
    /* Another process has taken the room. */
    CommandCounterIncrement();
    simple_heap_delete(writer->segment, &place);
    CommandCounterIncrement();
    return false;
}

void write_chunk(ChunkWriter *writer, int n, Datum data, Datum overflow)
{
    if (writer->segment == nullptr)
        open_segment(writer);
    else if (writer->bulk == nullptr)
        begin_bulk(writer);
    const FullTransactionId xid = GetTopFullTransactionId();
    Datum values[l_count] = {};
    bool nulls[l_count] = {};
    values[l_xid - 1] = FullTransactionIdGetDatum(xid);
    values[l_seq - 1] = Int32GetDatum(next_seq(xid));
    values[l_n - 1] = Int32GetDatum(n);
    values[l_version - 1] = Int16GetDatum(writer->target->version);
    values[l_data - 1] = data;
    nulls[l_data - 1] = DatumGetPointer(data) == nullptr;
    values[l_overflow - 1] = overflow;
    nulls[l_overflow - 1] = DatumGetPointer(overflow) == nullptr;
    if (!insert_without_entry(writer, xid, values, nulls))
        insert_with_entry(writer, xid, values, nulls);
}

void flush(ChunkWriter *writer)
{
    if (writer->rows == 0)
        return;
    SET_VARSIZE(writer->buffer + MAXIMUM_ALIGNOF - VARHDRSZ, VARHDRSZ + writer->used);
    write_chunk(writer, writer->rows, PointerGetDatum(writer->buffer + MAXIMUM_ALIGNOF - VARHDRSZ),
                static_cast<Datum>(0));
    writer->rows = 0;
    writer->used = 0;
}

/* Forms the entry of writer->values at `at`, where `length` zeroed bytes are free. */
void form_entry(ChunkWriter *writer, char *at, Size length, Size header, Size data_size, bool has_nulls, int weight)
{
    auto *tuple = reinterpret_cast<MinimalTuple>(at);
    tuple->t_len = static_cast<uint32>(length) | (weight < 0 ? minus_bit : 0);
    HeapTupleHeaderSetNatts(tuple, writer->target->column_count);
    tuple->t_hoff = static_cast<uint8>(header + MINIMAL_TUPLE_OFFSET);
    heap_fill_tuple(writer->target->packed, writer->values, writer->nulls, at + header, data_size, &tuple->t_infomask,
                    has_nulls ? tuple->t_bits : nullptr);
}

/* Size of a value once it is detoasted. */
Size plain_size(const ChunkWriter *writer, int i)
{
    return writer->nulls[i] || TupleDescAttr(writer->target->packed, i)->attlen != -1
               ? 0
               : toast_raw_datum_size(writer->values[i]);
}

/* Copies the columns to be logged from the row, detoasted and decompressed: the log must not depend on the
 * source's TOAST table. Returns false if the row is too large for a log. */
bool take_columns(ChunkWriter *writer, const Datum *values, const bool *nulls)
{
    const Target *target = writer->target;
    Size total = 0;
    for (int i = 0; i < target->column_count; i++) {
        const AttrNumber attnum = target->attnums[i];
        writer->is_copy[i] = false;
        writer->nulls[i] = attnum == 0 || (attnum > 0 && nulls[attnum - 1]);
        writer->values[i] = attnum == table_oid_column ? ObjectIdGetDatum(target->written)
                            : writer->nulls[i]         ? static_cast<Datum>(0)
                                                       : values[attnum - 1];
        total += plain_size(writer, i);
    }
    if (total > overflow_limit)
        return false;
    for (int i = 0; i < target->column_count; i++) {
        if (writer->nulls[i] || TupleDescAttr(target->packed, i)->attlen != -1)
            continue;
        auto *plain = reinterpret_cast<struct varlena *>(DatumGetPointer(writer->values[i]));
        /* Not VARATT_IS_EXTENDED: a short header need not be expanded. */
        if (VARATT_IS_EXTERNAL(plain) || VARATT_IS_COMPRESSED(plain)) {
            writer->values[i] = PointerGetDatum(detoast_attr(plain));
            writer->is_copy[i] = true;
        }
    }
    return true;
}

} // namespace

int32_t own_seq()
{
    return FullTransactionIdIsValid(counted_xid) && FullTransactionIdEquals(counted_xid, GetTopFullTransactionIdIfAny())
               ? counted
               : 0;
}

ChunkWriter *open_chunk_writer(const Target *target)
{
    const int n = target->column_count + 1;
    auto *writer = static_cast<ChunkWriter *>(palloc0(sizeof(ChunkWriter)));
    writer->target = target;
    writer->memory = CurrentMemoryContext;
    writer->capacity = first_capacity;
    writer->buffer = static_cast<char *>(palloc(MAXIMUM_ALIGNOF + first_capacity));
    writer->values = static_cast<Datum *>(palloc((sizeof(Datum) + 2 * sizeof(bool)) * n));
    writer->nulls = reinterpret_cast<bool *>(writer->values + n);
    writer->is_copy = writer->nulls + n;
    return writer;
}

void append_row(ChunkWriter *writer, const Datum *values, const bool *nulls, int weight)
{
    const Target *target = writer->target;
    if (!take_columns(writer, values, nulls)) {
        append_marker(writer, "a row was too large for its change log");
        return;
    }
    bool has_nulls = false;
    for (int i = 0; i < target->column_count; i++)
        has_nulls = has_nulls || writer->nulls[i];
    Size header = SizeofMinimalTupleHeader + (has_nulls ? BITMAPLEN(target->column_count) : 0);
    header = MAXALIGN(header);
    const Size data_size = heap_compute_data_size(target->packed, writer->values, writer->nulls);
    const Size length = header + data_size, room = MAXALIGN(length);

    if (room > chunk_capacity) {
        char *bytes = static_cast<char *>(palloc0(MAXIMUM_ALIGNOF + room));
        form_entry(writer, bytes + MAXIMUM_ALIGNOF, length, header, data_size, has_nulls, weight);
        SET_VARSIZE(bytes + MAXIMUM_ALIGNOF - VARHDRSZ, VARHDRSZ + room);
        write_chunk(writer, 1, static_cast<Datum>(0), PointerGetDatum(bytes + MAXIMUM_ALIGNOF - VARHDRSZ));
        pfree(bytes);
    } else {
        if (writer->used + room > chunk_capacity)
            flush(writer);
        if (writer->used + room > writer->capacity) {
            writer->capacity = chunk_capacity;
            writer->buffer = static_cast<char *>(repalloc(writer->buffer, MAXIMUM_ALIGNOF + chunk_capacity));
        }
        char *at = writer->buffer + MAXIMUM_ALIGNOF + writer->used;
        memset(at, 0, room);
        form_entry(writer, at, length, header, data_size, has_nulls, weight);
        writer->used += room;
        writer->rows++;
    }
    for (int i = 0; i < target->column_count; i++)
        if (writer->is_copy[i])
            pfree(DatumGetPointer(writer->values[i]));
}

void append_marker(ChunkWriter *writer, const char *reason)
{
    flush(writer);
    write_chunk(writer, 0, PointerGetDatum(cstring_to_text(reason)), static_cast<Datum>(0));
}

bool is_same_image(const Target *target, const Datum *a, const bool *a_nulls, const Datum *b, const bool *b_nulls)
{
    for (int i = 0; i < target->column_count; i++) {
        const int at = target->attnums[i] - 1;
        if (at < 0)
            continue;
        if (a_nulls[at] != b_nulls[at])
            return false;
        if (a_nulls[at])
            continue;
        Form_pg_attribute att = TupleDescAttr(target->packed, i);
        if (att->attlen == -1 && VARATT_IS_EXTERNAL(DatumGetPointer(a[at])) &&
            VARATT_IS_EXTERNAL(DatumGetPointer(b[at])) &&
            VARSIZE_EXTERNAL(DatumGetPointer(a[at])) == VARSIZE_EXTERNAL(DatumGetPointer(b[at])) &&
            memcmp(DatumGetPointer(a[at]), DatumGetPointer(b[at]), VARSIZE_EXTERNAL(DatumGetPointer(a[at]))) == 0)
            continue; /* the same out-of-line value: no need to fetch it twice */
        if (!datum_image_eq(a[at], b[at], att->attbyval, att->attlen))
            return false;
    }
    return true;
}

void close_chunk_writer(ChunkWriter *writer)
{
    flush(writer);
    if (writer->bulk != nullptr)
        FreeBulkInsertState(writer->bulk);
    if (writer->indexes != nullptr)
        vac_close_indexes(writer->index_count, writer->indexes, NoLock);
    if (writer->segment != nullptr)
        table_close(writer->segment, NoLock);
    pfree(writer->buffer);
    pfree(writer->values);
    pfree(writer);
}

void log_row(Sink *sink, const TupleTableSlot *row, int weight)
{
    if (sink->writer == nullptr)
        sink->writer = open_chunk_writer(sink->target);
    append_row(sink->writer, row->tts_values, row->tts_isnull, weight);
}

void log_change(Sink *sinks, int count, const TupleTableSlot *old_row, const TupleTableSlot *new_row)
{
    for (Sink *sink = sinks; sink < sinks + count; sink++) {
        if (old_row != nullptr && new_row != nullptr &&
            is_same_image(sink->target, old_row->tts_values, old_row->tts_isnull, new_row->tts_values,
                          new_row->tts_isnull))
            continue;
        if (old_row != nullptr)
            log_row(sink, old_row, -1);
        if (new_row != nullptr)
            log_row(sink, new_row, 1);
    }
}

void close_sink(Sink *sink)
{
    if (sink->writer != nullptr)
        close_chunk_writer(sink->writer);
}

} // namespace pgtrickle::capture
