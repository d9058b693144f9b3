#include "storage/apply/arrangement.hpp"

#include "pg/known_row.hpp"
#include "pg/versions/heaps.hpp"
#include "storage/apply/uniqueness.hpp"
#include "storage/partitions.hpp"

extern "C" {
#include "access/genam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "executor/executor.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"
}

#include <algorithm>

namespace pgtrickle::storage {

namespace {

bool is_index_on(Relation index, const AttrNumber *columns, int count)
{
    Form_pg_index form = index->rd_index;
    if (form->indnatts != count || index->rd_rel->relam != BTREE_AM_OID || !form->indisvalid ||
        RelationGetIndexPredicate(index) != NIL)
        return false;
    for (int i = 0; i < count; i++)
        if (form->indkey.values[i] != columns[i])
            return false;
    return true;
}

Oid equality_of(Relation index, int column)
{
    return get_opfamily_member(index->rd_opfamily[column], index->rd_opcintype[column], index->rd_opcintype[column],
                               BTEqualStrategyNumber);
}

/* Whether the index compares its columns as the place does. */
bool has_equality_of_place(Arrangement *arrangement, Relation index)
{
    for (int i = 0; i < arrangement->facts.found_by_count; i++) {
        Form_pg_attribute attribute = TupleDescAttr(arrangement->descriptor, arrangement->facts.found_by[i]);
        TypeCacheEntry *type = lookup_type_cache(attribute->atttypid, TYPECACHE_EQ_OPR);
        if (equality_of(index, i) != type->eq_opr || index->rd_indcollation[i] != attribute->attcollation)
            return false;
    }
    return true;
}

/* Whether rows are found by the index: the extension's own one, or one of a user that is like it. */
bool is_own_index(Arrangement *arrangement, Relation index)
{
    const StepFacts &facts = arrangement->facts;
    AttrNumber columns[INDEX_MAX_KEYS] = {static_cast<AttrNumber>(facts.column_count + 1)};
    for (int i = 0; i < facts.found_by_count; i++)
        columns[i] = static_cast<AttrNumber>(facts.found_by[i] + 1);
    return is_index_on(index, columns, std::max(facts.found_by_count, 1)) && has_equality_of_place(arrangement, index);
}

[[noreturn]] void no_own_index(const Arrangement *arrangement)
{
    elog(ERROR, "arrangement \"%s\" has no index by which rows are found", RelationGetRelationName(arrangement->heap));
}

Relation own_index_of(Arrangement *arrangement, const ResultRelInfo *result_info)
{
    for (int i = 0; i < result_info->ri_NumIndices; i++)
        if (is_own_index(arrangement, result_info->ri_IndexRelationDescs[i]))
            return result_info->ri_IndexRelationDescs[i];
    no_own_index(arrangement);
}

/* As own_index_of(), for look-ups only: no other index is opened. */
Relation open_own_index(Arrangement *arrangement, Relation heap)
{
    ListCell *cell;
    foreach (cell, RelationGetIndexList(heap)) {
        Relation index = index_open(lfirst_oid(cell), arrangement->lock_mode);
        if (is_own_index(arrangement, index))
            return index;
        index_close(index, NoLock);
    }
    no_own_index(arrangement);
}

/* Sets place_positions and place_in_delta. */
void locate_place(Arrangement *arrangement)
{
    const StepFacts &facts = arrangement->facts;
    const int count = arrangement->place.count();
    const bool is_rows = facts.layout == RowLayout::rows;
    const int *columns = facts.found_by_count > 0 ? facts.found_by : is_rows ? nullptr : facts.key;
    arrangement->place_positions = static_cast<int *>(palloc(sizeof(int) * (count + 1)));
    arrangement->place_in_delta = static_cast<int *>(palloc(sizeof(int) * (count + 1)));
    for (int i = 0; i < count; i++) {
        arrangement->place_positions[i] = columns != nullptr ? columns[i] : i;
        arrangement->place_in_delta[i] = is_rows ? arrangement->place_positions[i] : i;
    }
}

ScanKeyData *scan_keys_of(Arrangement *arrangement, Relation index)
{
    const int count = std::max(arrangement->facts.found_by_count, 1);
    auto *keys = static_cast<ScanKeyData *>(palloc0(sizeof(ScanKeyData) * count));
    for (int i = 0; i < count; i++)
        ScanKeyEntryInitialize(&keys[i], 0, static_cast<AttrNumber>(i + 1), BTEqualStrategyNumber, InvalidOid,
                               index->rd_indcollation[i], get_opcode(equality_of(index, i)), 0);
    return keys;
}

void fill_write_slot(Arrangement *arrangement, const Datum *values, const bool *nulls, int64 hash)
{
    TupleTableSlot *slot = arrangement->write_slot;
    int count = arrangement->facts.column_count;
    ExecClearTuple(slot);
    memcpy(slot->tts_values, values, sizeof(Datum) * count);
    memcpy(slot->tts_isnull, nulls, sizeof(bool) * count);
    if (arrangement->facts.found_by_count == 0) {
        slot->tts_values[count] = Int64GetDatum(hash);
        slot->tts_isnull[count] = false;
    }
    ExecStoreVirtualTuple(slot);
}

/* Raises an error if one of the indexes with these OIDs is on the key of the groups: a group is only inserted when no
 * row of its key was found. */
void require_new_group(Arrangement *arrangement, const RowHeap *rows, const List *not_unique)
{
    if (arrangement->facts.layout != RowLayout::groups)
        return;
    for (int i = 0; i < rows->result_info->ri_NumIndices; i++) {
        Relation index = rows->result_info->ri_IndexRelationDescs[i];
        if (list_member_oid(not_unique, RelationGetRelid(index)) && is_own_index(arrangement, index))
            ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                            errmsg("index \"%s\" has an entry for a key by which no row was found",
                                   RelationGetRelationName(index)),
                            errdetail("The index is damaged, or the order of the key's type or collation has changed."),
                            errhint("Run REINDEX TABLE and pgtrickle.repair_stream_table() on the stream table.")));
    }
}

void insert_index_entries(Arrangement *arrangement, RowHeap *rows, IndexesToUpdate indexes)
{
    if (rows->result_info->ri_NumIndices == 0)
        return;
    List *not_unique =
        insert_index_tuples(rows->result_info, arrangement->write_slot, arrangement->executor_state, indexes);
    if (not_unique != NIL) {
        require_new_group(arrangement, rows, not_unique);
        note_duplicate(arrangement, RelationGetRelid(rows->heap), not_unique, &arrangement->write_slot->tts_tid);
    }
    ResetPerTupleExprContext(arrangement->executor_state);
}

/* Remembers the address of a row that was written. Only groups have one row per key, of which versions follow
 * each other. */
void remember_written(Arrangement *arrangement, const RowHeap *rows, int64 hash)
{
    if (arrangement->facts.layout == RowLayout::groups)
        note_row(rows->heap, static_cast<uint64>(hash), &arrangement->write_slot->tts_tid);
}

/* ---- heaps with rows ------------------------------------------------------------------ */

RowHeap *open_row_heap(Arrangement *arrangement, Oid heap)
{
    MemoryContext previous = MemoryContextSwitchTo(arrangement->context);
    auto *rows = static_cast<RowHeap *>(palloc0(sizeof(RowHeap)));
    rows->heap = table_open(heap, arrangement->lock_mode);
    Relation index;
    if (arrangement->lock_mode == RowExclusiveLock) {
        rows->result_info = makeNode(ResultRelInfo);
        InitResultRelInfo(rows->result_info, rows->heap, 0, nullptr, 0);
        ExecOpenIndices(rows->result_info, false);
        index = own_index_of(arrangement, rows->result_info);
    } else {
        index = rows->own_index = open_own_index(arrangement, rows->heap);
    }
    rows->scan_keys = scan_keys_of(arrangement, index);
    rows->scan =
        begin_index_scan(rows->heap, index, GetActiveSnapshot(), std::max(arrangement->facts.found_by_count, 1));
    rows->next = arrangement->row_heaps;
    arrangement->row_heaps = rows;
    MemoryContextSwitchTo(previous);
    return rows;
}

void close_row_heap(RowHeap *rows)
{
    index_endscan(rows->scan);
    if (rows->result_info != nullptr)
        ExecCloseIndices(rows->result_info);
    if (rows->own_index != nullptr)
        index_close(rows->own_index, NoLock);
    table_close(rows->heap, NoLock);
}

/* Returns the heap of a row whose partition columns are at `positions`. */
RowHeap *route(Arrangement *arrangement, const int *positions, const Datum *values, const bool *nulls)
{
    if (arrangement->partition_count == 0)
        return row_heap_of(arrangement, RelationGetRelid(arrangement->heap));
    Datum of_partition[PARTITION_MAX_KEYS];
    bool is_null[PARTITION_MAX_KEYS];
    for (int i = 0; i < arrangement->partition_count; i++) {
        of_partition[i] = values[positions[i]];
        is_null[i] = nulls[positions[i]];
    }
    return row_heap_of(arrangement, partition_of(arrangement->heap, of_partition, is_null));
}

/* Sets partition_in_row and partition_in_key. */
void locate_partition(Arrangement *arrangement)
{
    if (arrangement->heap->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
        return;
    const StepFacts &facts = arrangement->facts;
    PartitionKey key = RelationGetPartitionKey(arrangement->heap);
    arrangement->partition_count = key->partnatts;
    arrangement->partition_in_row = static_cast<int *>(palloc(sizeof(int) * key->partnatts));
    arrangement->partition_in_key = static_cast<int *>(palloc(sizeof(int) * key->partnatts));
    for (int i = 0; i < key->partnatts; i++) {
        const int position = key->partattrs[i] - 1;
        arrangement->partition_in_row[i] = position;
        arrangement->partition_in_key[i] = static_cast<int>(
            std::find(facts.shown_keys, facts.shown_keys + facts.key_count, position) - facts.shown_keys);
        if (facts.layout == RowLayout::groups && arrangement->partition_in_key[i] == facts.key_count)
            elog(ERROR, "storage \"%s\" is partitioned by a column that does not show its key",
                 RelationGetRelationName(arrangement->heap));
    }
}

void set_scan_keys(const Arrangement *arrangement, ScanKeyData *keys, const Datum *values, const bool *nulls,
                   int64 hash)
{
    const int count = arrangement->facts.found_by_count;
    if (count == 0)
        keys[0].sk_argument = Int64GetDatum(hash);
    for (int i = 0; i < count; i++) {
        keys[i].sk_argument = nulls[i] ? static_cast<Datum>(0) : values[i];
        keys[i].sk_flags = nulls[i] ? SK_ISNULL | SK_SEARCHNULL : 0;
        keys[i].sk_strategy = nulls[i] ? InvalidStrategy : BTEqualStrategyNumber;
    }
}

/* `values` and `nulls` are those of the place's columns. */
void start_lookup(Arrangement *arrangement, const RowHeap *rows, const Datum *values, const bool *nulls, int64 hash)
{
    set_scan_keys(arrangement, rows->scan_keys, values, nulls, hash);
    index_rescan(rows->scan, rows->scan_keys, std::max(arrangement->facts.found_by_count, 1), nullptr, 0);
}

[[noreturn]] void concurrent_write(Arrangement *arrangement)
{
    ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                    errmsg("storage of a stream table was changed by a concurrent refresh"),
                    errdetail("A row of \"%s\" is newer than the snapshot of this transaction.",
                              RelationGetRelationName(arrangement->heap)),
                    errhint("Retry the transaction.")));
}

} // namespace

Arrangement *open_arrangement(Oid heap, const StepFacts &facts, LOCKMODE lock_mode)
{
    auto *arrangement = static_cast<Arrangement *>(palloc0(sizeof(Arrangement)));
    arrangement->facts = facts;
    arrangement->lock_mode = lock_mode;
    arrangement->context = CurrentMemoryContext;
    arrangement->heap = table_open(heap, lock_mode);
    arrangement->descriptor = RelationGetDescr(arrangement->heap);
    if (arrangement->descriptor->natts != facts.column_count + (facts.found_by_count == 0))
        elog(ERROR, "arrangement \"%s\" does not have the columns of its program",
             RelationGetRelationName(arrangement->heap));
    arrangement->identity = facts.layout == RowLayout::rows
                                ? Identity::of_image(arrangement->descriptor, facts.column_count)
                                : Identity::of_key(arrangement->descriptor, facts.key, facts.key_count);
    arrangement->place = facts.found_by_count == 0
                             ? arrangement->identity
                             : Identity::of_key(arrangement->descriptor, facts.found_by, facts.found_by_count);
    locate_place(arrangement);
    locate_partition(arrangement);
    arrangement->executor_state = CreateExecutorState();
    arrangement->found = MakeSingleTupleTableSlot(arrangement->descriptor, &TTSOpsBufferHeapTuple);
    arrangement->write_slot = MakeSingleTupleTableSlot(arrangement->descriptor, &TTSOpsVirtual);
    arrangement->identity_values = static_cast<Datum *>(palloc(sizeof(Datum) * (facts.column_count + 1)));
    arrangement->identity_nulls = static_cast<bool *>(palloc(sizeof(bool) * (facts.column_count + 1)));
    return arrangement;
}

void close_arrangement(Arrangement *arrangement)
{
    ExecDropSingleTupleTableSlot(arrangement->found);
    ExecDropSingleTupleTableSlot(arrangement->write_slot);
    for (RowHeap *rows = arrangement->row_heaps; rows != nullptr; rows = rows->next)
        close_row_heap(rows);
    FreeExecutorState(arrangement->executor_state);
    table_close(arrangement->heap, NoLock);
}

void gather_identity(Arrangement *arrangement, const Datum *values, const bool *nulls)
{
    const StepFacts &facts = arrangement->facts;
    if (facts.layout == RowLayout::rows) {
        memcpy(arrangement->identity_values, values, sizeof(Datum) * facts.column_count);
        memcpy(arrangement->identity_nulls, nulls, sizeof(bool) * facts.column_count);
        return;
    }
    for (int i = 0; i < facts.key_count; i++) {
        arrangement->identity_values[i] = values[facts.key[i]];
        arrangement->identity_nulls[i] = nulls[facts.key[i]];
    }
}

void start_lookup_of_key(Arrangement *arrangement, const Datum *values, const bool *nulls, int64 hash)
{
    start_lookup(arrangement, route(arrangement, arrangement->partition_in_key, values, nulls), values, nulls, hash);
}

void start_lookup_of_row(Arrangement *arrangement, const Datum *values, const bool *nulls, int64 hash)
{
    for (int i = 0; i < arrangement->facts.found_by_count; i++) {
        arrangement->identity_values[i] = values[arrangement->place_positions[i]];
        arrangement->identity_nulls[i] = nulls[arrangement->place_positions[i]];
    }
    start_lookup(arrangement, row_heap_for(arrangement, values, nulls), arrangement->identity_values,
                 arrangement->identity_nulls, hash);
}

bool next_found(Arrangement *arrangement)
{
    if (!index_getnext_slot(arrangement->current->scan, ForwardScanDirection, arrangement->found))
        return false;
    slot_getallattrs(arrangement->found);
    return true;
}

bool is_same_place(const Arrangement *arrangement, const Datum *a, const bool *a_null, const Datum *b,
                   const bool *b_null)
{
    return arrangement->place.is_same_at(arrangement->place_positions, a, a_null, b, b_null);
}

bool find_known(Arrangement *arrangement, const Datum *values, const bool *nulls, int64 hash)
{
    const RowHeap *rows = route(arrangement, arrangement->partition_in_key, values, nulls);
    if (!fetch_known_row(rows->heap, static_cast<uint64>(hash), GetActiveSnapshot(), arrangement->found))
        return false;
    slot_getallattrs(arrangement->found);
    return arrangement->facts.found_by_count > 0 ||
           DatumGetInt64(arrangement->found->tts_values[arrangement->facts.column_count]) == hash;
}

RowAddress address_of(const TupleTableSlot *stored)
{
    return {stored->tts_tableOid, stored->tts_tid};
}

RowHeap *row_heap_of(Arrangement *arrangement, Oid heap)
{
    if (arrangement->current != nullptr && RelationGetRelid(arrangement->current->heap) == heap)
        return arrangement->current;
    /* The pin on a page of rows would stay with each of many partitions. */
    if (arrangement->current != nullptr)
        table_index_fetch_reset(arrangement->current->scan->xs_heapfetch);
    RowHeap *rows = arrangement->row_heaps;
    while (rows != nullptr && RelationGetRelid(rows->heap) != heap)
        rows = rows->next;
    arrangement->current = rows != nullptr ? rows : open_row_heap(arrangement, heap);
    return arrangement->current;
}

RowHeap *row_heap_for(Arrangement *arrangement, const Datum *values, const bool *nulls)
{
    return route(arrangement, arrangement->partition_in_row, values, nulls);
}

bool has_range_of_its_own(const Arrangement *arrangement, const Datum *values, const bool *nulls, Range *range)
{
    if (arrangement->facts.ranges.unit == RangeUnit::none)
        return false;
    const int position = arrangement->partition_in_row[0];
    return !nulls[position] && range_of(TupleDescAttr(arrangement->descriptor, position)->atttypid,
                                        arrangement->facts.ranges, values[position], range);
}

void insert_row(Arrangement *arrangement, const Datum *values, const bool *nulls, int64 hash)
{
    RowHeap *rows = row_heap_for(arrangement, values, nulls);
    Range range;
    if (!arrangement->has_rows_to_place && arrangement->facts.ranges.unit != RangeUnit::none)
        arrangement->has_rows_to_place = RelationGetRelid(rows->heap) == default_partition_of(arrangement->heap) &&
                                         room_for_partitions(arrangement->heap) > 0 &&
                                         has_range_of_its_own(arrangement, values, nulls, &range);
    fill_write_slot(arrangement, values, nulls, hash);
    table_tuple_insert(rows->heap, arrangement->write_slot, GetCurrentCommandId(true), 0, nullptr);
    insert_index_entries(arrangement, rows, all_indexes);
    remember_written(arrangement, rows, hash);
}

void update_row(Arrangement *arrangement, RowAddress stored, const Datum *values, const bool *nulls, int64 hash)
{
    RowHeap *rows = row_heap_for(arrangement, values, nulls);
    if (RelationGetRelid(rows->heap) != stored.heap) {
        delete_row(arrangement, stored);
        insert_row(arrangement, values, nulls, hash);
        return;
    }
    TM_FailureData failure;
    LockTupleMode lock_mode;
    IndexesToUpdate indexes;
    fill_write_slot(arrangement, values, nulls, hash);
    TM_Result result = table_tuple_update(rows->heap, &stored.tid, arrangement->write_slot, GetCurrentCommandId(true),
                                          GetActiveSnapshot(), InvalidSnapshot, true, &failure, &lock_mode, &indexes);
    if (result != TM_Ok)
        concurrent_write(arrangement);
    if (indexes != no_indexes)
        insert_index_entries(arrangement, rows, indexes);
    remember_written(arrangement, rows, hash);
}

void delete_row(Arrangement *arrangement, RowAddress stored)
{
    TM_FailureData failure;
    TM_Result result =
        table_tuple_delete(row_heap_of(arrangement, stored.heap)->heap, &stored.tid, GetCurrentCommandId(true),
                           GetActiveSnapshot(), InvalidSnapshot, true, &failure, false);
    if (result != TM_Ok)
        concurrent_write(arrangement);
}

} // namespace pgtrickle::storage
