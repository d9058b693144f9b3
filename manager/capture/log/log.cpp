#include "capture/log/log.hpp"

#include "capture/log/chunk.hpp"
#include "capture/log/marker.hpp"
#include "capture/log/new_rows.hpp"
#include "capture/log/segment.hpp"
#include "capture/source/inheritance.hpp"
#include "capture/source/source_kind.hpp"
#include "capture/source/unlogged_sentinel.hpp"
#include "definition/stream_table.hpp"
#include "pg/versions/heaps.hpp"
#include "pg/versions/varlena.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/predicate.h"
#include "storage/sinval.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. Frontier, which has one, is only read through a
 * reference to the caller's. */

namespace pgtrickle::capture {

/* ---- writing -------------------------------------------------------------------------- */

struct LogWriter {
    ChunkWriter *chunks;
    const Target *target;
};

LogWriter *open_log(Oid source)
{
    LockRelationOid(source, RowExclusiveLock);
    Relation relation = relation_open(source, NoLock);
    const Targets *targets = hold_targets(relation);
    relation_close(relation, NoLock);
    if (targets->count == 0)
        return nullptr;
    const Target *target = &targets->items[0]; /* a stream table is captured by its refresh alone */
    if (target->obstacle != nullptr) {
        write_marker(source, target->obstacle);
        return nullptr;
    }
    auto *writer = static_cast<LogWriter *>(palloc(sizeof(LogWriter)));
    writer->chunks = open_chunk_writer(target);
    writer->target = target;
    return writer;
}

void append_to_log(LogWriter *writer, TupleTableSlot *slot, int64 weight)
{
    slot_getsomeattrs(slot, writer->target->highest);
    append_to_log(writer, slot->tts_values, slot->tts_isnull, weight);
}

void append_to_log(LogWriter *writer, const Datum *values, const bool *nulls, int64 weight)
{
    const int sign = weight < 0 ? -1 : 1;
    for (int64 i = 0; i != weight; i += sign)
        append_row(writer->chunks, values, nulls, sign);
}

void finish_log(LogWriter *writer)
{
    close_chunk_writer(writer->chunks);
    pfree(writer);
}

/* ---- reading -------------------------------------------------------------------------- */

namespace {

/* How to read the chunks of one format version. */
struct Decoder {
    int16 version;
    Format *format; /* nullptr: unknown */
    int *positions; /* positions of the wanted columns in the format; -1: not logged */
    bool lacks_column;
    Decoder *next;
};

struct Reader {
    const Frontier *frontier;
    Snapshot snapshot;
    Oid source;
    const AttrNumber *columns;
    int column_count;
    int table_oid_position; /* in columns, to exclude rows of other tables than `source`; -1: no exclusion */
    Tuplestorestate *out;   /* nullptr: only checks for changes, or counts rows up to a marker */
    bool is_counting;
    bool skips_beginnings; /* markers with which the log begins count as nothing */
    bool is_of_snapshot;   /* the frontier is that of a snapshot, which is newer than any crash */
    Portion portion;
    TupleDesc out_desc;
    Datum *out_values;
    bool *out_nulls;
    Decoder *decoders;
    ExprState *needed; /* nullptr: every row */
    ExprContext *expressions;
    TupleTableSlot *needed_slot; /* of out_desc; its arrays are out_values and out_nulls */
    MemoryContext row_memory;    /* reset after each chunk */
    Changes changes;
    bool is_done;
};

Reader reader_of(Oid source, const Frontier &frontier, Snapshot snapshot)
{
    Reader reader = {};
    reader.frontier = &frontier;
    reader.snapshot = snapshot;
    reader.source = source;
    return reader;
}

Decoder *decoder_of(Reader *reader, int16 version)
{
    for (Decoder *known = reader->decoders; known != nullptr; known = known->next)
        if (known->version == version)
            return known;
    auto *decoder = static_cast<Decoder *>(palloc0(sizeof(Decoder)));
    decoder->version = version;
    decoder->format = find_format(reader->source, version);
    decoder->lacks_column = decoder->format == nullptr;
    decoder->positions = static_cast<int *>(palloc(sizeof(int) * (reader->column_count + 1)));
    for (int i = 0; decoder->format != nullptr && i < reader->column_count; i++) {
        decoder->positions[i] = -1;
        for (int j = 0; j < decoder->format->column_count; j++)
            if (decoder->format->attnums[j] == reader->columns[i] &&
                decoder->format->types[j] == TupleDescAttr(reader->out_desc, i)->atttypid)
                decoder->positions[i] = j;
        decoder->lacks_column = decoder->lacks_column || decoder->positions[i] < 0;
    }
    decoder->next = reader->decoders;
    reader->decoders = decoder;
    return decoder;
}

void stop_at_marker(Reader *reader, const char *reason)
{
    reader->changes.has_marker = true;
    reader->changes.reason = pstrdup(reason);
    reader->is_done = true;
}

void begin_condition(Reader *reader, List *needed)
{
    reader->expressions = CreateStandaloneExprContext();
    reader->needed = ExecInitQual(needed, nullptr);
    reader->needed_slot = MakeSingleTupleTableSlot(reader->out_desc, &TTSOpsVirtual);
    reader->needed_slot->tts_values = reader->out_values;
    reader->needed_slot->tts_isnull = reader->out_nulls;
    reader->expressions->ecxt_scantuple = reader->needed_slot;
}

void end_condition(Reader *reader)
{
    ExecDropSingleTupleTableSlot(reader->needed_slot);
    FreeExprContext(reader->expressions, true);
}

/* Whether the row in out_values meets the condition. */
bool is_needed(Reader *reader)
{
    if (reader->needed == nullptr)
        return true;
    ExecClearTuple(reader->needed_slot);
    ExecStoreVirtualTuple(reader->needed_slot);
    ResetExprContext(reader->expressions);
    return ExecQual(reader->needed, reader->expressions);
}

/* Reads the n rows of a chunk; `at` is an aligned copy of its entries. */
void take_rows(Reader *reader, const Decoder *decoder, char *at, const char *end, int n)
{
    const Format *format = decoder->format;
    auto *values = static_cast<Datum *>(palloc(sizeof(Datum) * (format->column_count + 1)));
    auto *nulls = static_cast<bool *>(palloc(sizeof(bool) * (format->column_count + 1)));
    for (int row = 0; row < n; row++) {
        auto *tuple = reinterpret_cast<MinimalTuple>(at);
        const int64 weight = (tuple->t_len & minus_bit) != 0 ? -1 : 1;
        tuple->t_len &= ~minus_bit;
        if (at + tuple->t_len > end)
            ereport(ERROR,
                    (errcode(ERRCODE_DATA_CORRUPTED), errmsg("change log of relation %u is damaged", reader->source)));
        HeapTupleData heap_tuple = {};
        heap_tuple.t_len = tuple->t_len + MINIMAL_TUPLE_OFFSET;
        heap_tuple.t_data = reinterpret_cast<HeapTupleHeader>(at - MINIMAL_TUPLE_OFFSET);
        heap_deform_tuple(&heap_tuple, format->packed, values, nulls);
        at += MAXALIGN(tuple->t_len);
        for (int i = 0; i < reader->column_count; i++) {
            reader->out_values[i] = values[decoder->positions[i]];
            reader->out_nulls[i] = nulls[decoder->positions[i]];
        }
        if (reader->table_oid_position >= 0 &&
            DatumGetObjectId(reader->out_values[reader->table_oid_position]) != reader->source) {
            reader->changes.unneeded++;
            continue;
        }
        reader->out_values[reader->column_count] = Int64GetDatum(weight);
        reader->out_nulls[reader->column_count] = false;
        if (!is_needed(reader)) {
            reader->changes.unneeded++;
            continue;
        }
        tuplestore_putvalues(reader->out, reader->out_desc, reader->out_values, reader->out_nulls);
        reader->changes.rows++;
    }
}

void take_chunk(Reader *reader, TupleTableSlot *slot)
{
    slot_getsomeattrs(slot, l_seq);
    const Datum *values = slot->tts_values;
    if (reader->frontier->includes(DatumGetUInt64(values[l_xid - 1]), DatumGetInt32(values[l_seq - 1])))
        return;
    slot_getallattrs(slot);
    const int n = DatumGetInt32(values[l_n - 1]);
    if (reader->out == nullptr && !reader->is_counting) {
        reader->is_done = true;
        return;
    }
    if (n == 0) {
        const char *marker = TextDatumGetCString(values[l_data - 1]);
        if (!reader->skips_beginnings || !is_of_beginning(marker))
            stop_at_marker(reader, marker);
        return;
    }
    reader->changes.logged += n;
    if (reader->is_counting || reader->changes.logged <= reader->portion.after)
        return;
    const Decoder *decoder = decoder_of(reader, DatumGetInt16(values[l_version - 1]));
    if (decoder->lacks_column) {
        stop_at_marker(reader, "a column is read that was not logged before");
        return;
    }
    MemoryContext old_context = MemoryContextSwitchTo(reader->row_memory);
    const int column = slot->tts_isnull[l_data - 1] ? l_overflow : l_data;
    auto *stored = DatumGetByteaPP(values[column - 1]);
    const Size size = VARSIZE_ANY_EXHDR(stored);
    char *copy = static_cast<char *>(palloc(size + MAXIMUM_ALIGNOF));
    memcpy(copy, VARDATA_ANY(stored), size);
    take_rows(reader, decoder, copy, copy + size, n);
    MemoryContextSwitchTo(old_context);
    MemoryContextReset(reader->row_memory);
    if (reader->portion.most > 0 && reader->changes.logged > reader->portion.most)
        reader->is_done = reader->changes.is_cut = true;
}

bool take_row(void *reader, TupleTableSlot *row)
{
    take_chunk(static_cast<Reader *>(reader), row);
    return !static_cast<Reader *>(reader)->is_done;
}

/* In SERIALIZABLE, that there is no row is read, too: what a concurrent transaction logs conflicts with it. The lock is
 * that of the heap, since the scan of an empty segment is omitted, and those on pages of the index do not
 * cover the pages of an emptied one. It is taken before the size is looked at, so that no row comes between. */
void read_segment(Reader *reader, const SourceRow *source, int number)
{
    Relation segment = table_open(source->segments[number], AccessShareLock);
    PredicateLockRelation(segment, reader->snapshot);
    read_new_rows(segment, source, number, *reader->frontier, reader->snapshot, take_row, reader);
    table_close(segment, AccessShareLock); /* a caller may have locked it for longer */
}

bool is_trimmed_since(const SourceRow *row, Snapshot snapshot)
{
    const uint64 horizon = snapshot->takenDuringRecovery ? row->standby_horizon : row->trim_horizon;
    const bool is_old = horizon + MaxTransactionId / 2 < U64FromFullTransactionId(ReadNextFullTransactionId());
    return horizon != 0 && !is_old && IsMVCCSnapshot(snapshot) &&
           XidInMVCCSnapshot(static_cast<TransactionId>(horizon), snapshot);
}

void require_untrimmed(const SourceRow *row, Snapshot snapshot)
{
    if (!is_trimmed_since(row, snapshot))
        return;
    ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                    errmsg("change log of \"%s\" was trimmed after the snapshot was taken", get_rel_name(row->relid)),
                    errhint("The transaction might succeed if retried.")));
}

void read_log(Reader *reader, const SourceRow *row)
{
    for (int i = 0; i < segment_count && !reader->is_done; i++)
        read_segment(reader, row, i);
}

constexpr int most_locked_as_read = 16;

/* In SERIALIZABLE, reading the log counts as reading the source: a transaction that writes to it conflicts with its
 * first row. It logs rows at the end of its statement, which is too late if the statement waits in a unique index for
 * this transaction, and then raises 23505 instead of 40001. Rows that were written before are found in the log, or
 * conflict when they are logged (read_segment()). Takes no lock against DDL: that leaves a marker in the log, and
 * PostgreSQL keeps the predicate locks of a rewritten relation. A larger tree would take more predicate locks than a
 * look-up may cost. */
void lock_as_read(Oid source, Snapshot snapshot)
{
    if (!IsolationIsSerializable())
        return;
    const List *tree = tree_of(source, NoLock);
    if (list_length(tree) > most_locked_as_read)
        return;
    ListCell *cell;
    foreach (cell, tree) {
        Relation relation = RelationIdGetRelation(lfirst_oid(cell));
        if (!RelationIsValid(relation)) /* dropped meanwhile */
            continue;
        if (RELKIND_HAS_STORAGE(relation->rd_rel->relkind))
            PredicateLockRelation(relation, snapshot);
        RelationClose(relation);
    }
}

/* As read_log(), for a frontier that may be older than a crash, or than the end of the capture. */
void read_since(Reader *reader, Oid source)
{
    SourceRow row;
    const uint64 invalidations = SharedInvalidMessageCounter;
    if (!find_captured(source, reader->snapshot, &row)) {
        stop_at_marker(reader, "its capture was stopped");
        return;
    }
    if (!reader->is_of_snapshot && is_sentinel_missing(row, reader->snapshot)) {
        stop_at_marker(reader, emptied_by_a_crash);
        return;
    }
    require_untrimmed(&row, reader->snapshot);
    lock_as_read(source, reader->snapshot);
    read_log(reader, &row);
    /* Unless the caller has locked the log, a segment may have been emptied since the row was read. */
    if (SharedInvalidMessageCounter != invalidations && find_source(source, &row))
        require_untrimmed(&row, reader->snapshot);
}

} // namespace

TupleDesc changes_descriptor(Oid source, const AttrNumber *columns, int column_count)
{
    Relation relation = relation_open(source, AccessShareLock);
    TupleDesc desc = CreateTemplateTupleDesc(column_count + 1);
    for (int i = 0; i < column_count; i++) {
        const FormData_pg_attribute *att = column_numbered(RelationGetDescr(relation), columns[i]);
        if (att == nullptr)
            elog(ERROR, "relation %u has no column %d", source, columns[i]);
        TupleDescInitEntry(desc, static_cast<AttrNumber>(i + 1), NameStr(att->attname), att->atttypid, att->atttypmod,
                           att->attndims);
        TupleDescInitEntryCollation(desc, static_cast<AttrNumber>(i + 1), att->attcollation);
    }
    TupleDescInitEntry(desc, static_cast<AttrNumber>(column_count + 1), "pgt_weight", INT8OID, -1, 0);
    relation_close(relation, NoLock);
    return desc;
}

Changes read_changes(Oid source, const Frontier &frontier, Snapshot snapshot, const AttrNumber *columns,
                     int column_count, bool is_only, List *needed, Portion portion, Tuplestorestate *out)
{
    Reader reader = reader_of(source, frontier, snapshot);
    reader.columns = columns;
    reader.column_count = column_count;
    reader.table_oid_position = -1;
    for (int i = 0; is_only && i < column_count; i++)
        if (columns[i] == table_oid_column)
            reader.table_oid_position = i;
    reader.out = out;
    reader.portion = portion;
    reader.out_desc = changes_descriptor(source, columns, column_count);
    reader.out_values = static_cast<Datum *>(palloc(sizeof(Datum) * (column_count + 1)));
    reader.out_nulls = static_cast<bool *>(palloc(sizeof(bool) * (column_count + 1)));
    reader.row_memory = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle chunk", ALLOCSET_DEFAULT_SIZES);
    if (needed != NIL)
        begin_condition(&reader, needed);
    read_since(&reader, source);
    if (needed != NIL)
        end_condition(&reader);
    MemoryContextDelete(reader.row_memory);
    return reader.changes;
}

int64 count_changes(Oid source, const Frontier &frontier, Snapshot snapshot)
{
    Reader reader = reader_of(source, frontier, snapshot);
    reader.is_counting = true;
    read_since(&reader, source);
    return reader.changes.has_marker ? -1 : reader.changes.logged;
}

namespace {

bool has_changes(Oid source, const Frontier &frontier, Snapshot snapshot, bool is_of_snapshot)
{
    if (definition::is_compared(source))
        return false;
    Reader reader = reader_of(source, frontier, snapshot);
    reader.is_of_snapshot = is_of_snapshot;
    read_since(&reader, source);
    return reader.is_done;
}

bool has_marker(Oid source, const Frontier &frontier, Snapshot snapshot, bool skips_beginnings)
{
    SourceRow row;
    if (!find_source(source, &row))
        return false;
    Reader reader = reader_of(source, frontier, snapshot);
    reader.is_counting = true;
    reader.skips_beginnings = skips_beginnings;
    read_log(&reader, &row);
    return reader.changes.has_marker;
}

} // namespace

bool has_changes(Oid source, const Frontier &frontier, Snapshot snapshot)
{
    return has_changes(source, frontier, snapshot, false);
}

bool has_changes_since(Oid source, const Frontier &seen, Snapshot snapshot)
{
    return has_changes(source, seen, snapshot, true);
}

bool has_marker(Oid source, const Frontier &frontier, Snapshot snapshot)
{
    return has_marker(source, frontier, snapshot, false);
}

bool has_marker_of_rows(Oid source, const Frontier &frontier, Snapshot snapshot)
{
    return has_marker(source, frontier, snapshot, true);
}

bool is_trimmed_since(Oid source, Snapshot snapshot)
{
    SourceRow row;
    return find_source(source, &row) && is_trimmed_since(&row, snapshot);
}

void require_untrimmed(Oid source, Snapshot snapshot)
{
    SourceRow row;
    if (find_source(source, &row))
        require_untrimmed(&row, snapshot);
}

bool has_changes_in(const SourceRow *source, int number, const Frontier &frontier, Snapshot snapshot)
{
    Reader reader = reader_of(source->relid, frontier, snapshot);
    read_segment(&reader, source, number);
    return reader.is_done;
}

} // namespace pgtrickle::capture
