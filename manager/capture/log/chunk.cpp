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

constexpr Size row_start = 48;                   /* bytes of a row before its data: see RowStart */
constexpr Size first_capacity = 512 - row_start; /* enough for most statements that change one row */

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

void begin_row(ChunkWriter *writer)
{
    if (writer->segment == nullptr)
        open_segment(writer);
    else if (writer->bulk == nullptr)
        begin_bulk(writer);
}

/* Whether the segment has no other index than its own, as far as the relation cache knows. */
bool has_own_index_only(Relation segment)
{
    return segment->rd_indexvalid && list_length(segment->rd_indexlist) == 1;
}

/* A row of a segment as heap_form_tuple() forms it, up to its data. One of data and overflow is null. */
struct RowStart {
    char header[MAXALIGN(SizeofHeapTupleHeader + (l_count + 7) / 8)]; /* with the bitmap of columns that are not null */
    FullTransactionId xid;
    int32 seq;
    int32 n;
    int16 version;
    bool is_indexed;
    char padding;
    char data_header[VARHDRSZ];
};
static_assert(offsetof(RowStart, data_header) + VARHDRSZ == row_start && row_start % MAXIMUM_ALIGNOF == 0);

RowStart *start_of(HeapTuple row)
{
    return reinterpret_cast<RowStart *>(row->t_data);
}

/* Inserts the row into the heap, bypassing the executor: privileges, triggers and replica identity do not apply. */
void insert_row(ChunkWriter *writer, HeapTuple row, bool is_indexed)
{
    start_of(row)->is_indexed = is_indexed;
    heap_insert(writer->segment, row, GetCurrentCommandId(true), 0, writer->bulk);
}

void insert_with_entry(ChunkWriter *writer, FullTransactionId xid, HeapTuple row)
{
    if (writer->indexes == nullptr)
        open_entries(writer);
    const bool is_first = expect_entry(writer->segment, xid);
    insert_row(writer, row, true);
    Datum key = FullTransactionIdGetDatum(xid);
    bool is_null = false;
    for (int i = 0; i < writer->index_count; i++)
        index_insert(writer->indexes[i], &key, &is_null, &row->t_self, writer->segment, UNIQUE_CHECK_NO, false,
                     writer->index_info);
    if (is_first)
        note_first_entry(writer->segment, ItemPointerGetBlockNumber(&row->t_self));
}

/* Returns false if the row needs an entry: nothing was inserted then, or no command sees it any more. */
bool insert_without_entry(ChunkWriter *writer, FullTransactionId xid, HeapTuple row)
{
    /* A row is removed by a command of its own, which a parallel statement cannot begin. */
    if (writer->bulk != nullptr || IsInParallelMode() || !has_own_index_only(writer->segment))
        return false;
    const BlockNumber block = anchored_block(writer->segment, xid, row->t_len);
    if (block == InvalidBlockNumber)
        return false;
    insert_row(writer, row, false);
    if (ItemPointerGetBlockNumber(&row->t_self) == block) {
        take_anchored_room(writer->segment, row->t_len);
        return true;
    }
    /* Another process has taken the room. */
    CommandCounterIncrement();
    simple_heap_delete(writer->segment, &row->t_self);
    CommandCounterIncrement();
    return false;
}

/* Completes a row whose data are formed, and inserts it. One that is `plain` is stored as it is. */
void write_row(ChunkWriter *writer, HeapTuple row, int n, bool is_plain)
{
    const FullTransactionId xid = GetTopFullTransactionId();
    RowStart *start = start_of(row);
    start->xid = xid;
    start->seq = next_seq(xid);
    start->n = n;
    start->version = writer->target->version;
    if (!is_plain || !insert_without_entry(writer, xid, row))
        insert_with_entry(writer, xid, row);
}

/* Writes a row with one varlena, as data or as overflow. */
void write_value(ChunkWriter *writer, int n, LogColumn column, const void *value)
{
    begin_row(writer);
    Datum values[l_count] = {};
    bool nulls[l_count] = {};
    nulls[l_data - 1] = column != l_data;
    nulls[l_overflow - 1] = column != l_overflow;
    values[column - 1] = PointerGetDatum(value);
    HeapTuple row = heap_form_tuple(RelationGetDescr(writer->segment), values, nulls);
    write_row(writer, row, n, column == l_data);
    heap_freetuple(row);
}

void flush(ChunkWriter *writer)
{
    if (writer->rows == 0)
        return;
    begin_row(writer);
    HeapTupleData row = {};
    row.t_len = static_cast<uint32>(row_start + writer->used);
    row.t_data = reinterpret_cast<HeapTupleHeader>(writer->buffer);
    ItemPointerSetInvalid(&row.t_self);
    SET_VARSIZE(start_of(&row)->data_header, VARHDRSZ + writer->used);
    write_row(writer, &row, writer->rows, true);
    writer->rows = 0;
    writer->used = 0;
}

/* Fills what all rows have in common that the buffer will hold. */
void begin_buffer(char *buffer)
{
    memset(buffer, 0, row_start);
    auto *header = reinterpret_cast<HeapTupleHeader>(buffer);
    ItemPointerSetInvalid(&header->t_ctid);
    HeapTupleHeaderSetNatts(header, l_count);
    header->t_infomask = HEAP_HASNULL | HEAP_HASVARWIDTH;
    header->t_hoff = offsetof(RowStart, xid);
    header->t_bits[0] = (1 << l_data) - 1; /* all columns up to data */
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
    auto *writer = static_cast<ChunkWriter *>(palloc0(sizeof(ChunkWriter) + (sizeof(Datum) + 2 * sizeof(bool)) * n));
    writer->target = target;
    writer->memory = CurrentMemoryContext;
    writer->capacity = first_capacity;
    writer->buffer = static_cast<char *>(palloc(row_start + first_capacity));
    begin_buffer(writer->buffer);
    writer->values = reinterpret_cast<Datum *>(writer + 1);
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
        write_value(writer, 1, l_overflow, bytes + MAXIMUM_ALIGNOF - VARHDRSZ);
        pfree(bytes);
    } else {
        if (writer->used + room > chunk_capacity)
            flush(writer);
        if (writer->used + room > writer->capacity) {
            writer->capacity = chunk_capacity;
            writer->buffer = static_cast<char *>(repalloc(writer->buffer, row_start + chunk_capacity));
        }
        char *at = writer->buffer + row_start + writer->used;
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
    write_value(writer, 0, l_data, cstring_to_text(reason));
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
    pfree(writer);
}

bool is_loggable(const Target *target)
{
    if (target->obstacle == nullptr)
        return true;
    ChunkWriter *writer = open_chunk_writer(target);
    append_marker(writer, target->obstacle);
    close_chunk_writer(writer);
    return false;
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
