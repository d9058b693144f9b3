/*
 * PostgreSQL's trigger for deferrable constraints, unique_key_recheck(), has the access method look for other rows. Its
 * error would name the index of a partition, and not the key, which PostgreSQL shows to those only who have privileges
 * on the heap; so the rows are looked up here.
 */
#include "storage/apply/uniqueness.hpp"

#include "definition/shown_as.hpp"
#include "pg/versions/heaps.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/relscan.h"
#include "access/stratnum.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "catalog/partition.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
}

namespace pgtrickle::storage {

struct PossibleDuplicate {
    Oid heap;
    Oid index;
    ItemPointerData tid;
    PossibleDuplicate *next;
};

namespace {

/* Returns the position of an index among those of the heap. */
int position_of(const RowHeap *rows, Oid index)
{
    for (int i = 0; i < rows->result_info->ri_NumIndices; i++)
        if (RelationGetRelid(rows->result_info->ri_IndexRelationDescs[i]) == index)
            return i;
    elog(ERROR, "index %u is not open", index);
}

/* Whether the row at the place, or a later version that the same index entry leads to, exists. */
bool fetch_existing(Relation heap, ItemPointerData tid, TupleTableSlot *slot)
{
    bool is_more = false;
    IndexFetchTableData *fetch = table_index_fetch_begin(heap);
    const bool is_found = table_index_fetch_tuple(fetch, &tid, SnapshotSelf, slot, &is_more, nullptr);
    table_index_fetch_end(fetch);
    return is_found;
}

struct Key {
    Datum values[INDEX_MAX_KEYS];
    bool nulls[INDEX_MAX_KEYS];
    ScanKeyData scan_keys[INDEX_MAX_KEYS];
    int count;
};

/* Returns false if the key has a NULL that makes it distinct from all others. */
bool prepare(Relation index, const IndexInfo *info, Key *key)
{
    key->count = info->ii_NumIndexKeyAttrs;
    for (int i = 0; i < key->count; i++) {
        if (key->nulls[i] && !info->ii_NullsNotDistinct)
            return false;
        const Oid type = index->rd_opcintype[i];
        const Oid equals = get_opfamily_member(index->rd_opfamily[i], type, type, BTEqualStrategyNumber);
        ScanKeyEntryInitialize(&key->scan_keys[i], key->nulls[i] ? SK_ISNULL | SK_SEARCHNULL : 0,
                               static_cast<AttrNumber>(i + 1), key->nulls[i] ? InvalidStrategy : BTEqualStrategyNumber,
                               InvalidOid, index->rd_indcollation[i], get_opcode(equals), key->values[i]);
    }
    return true;
}

/* Whether more than one row has the key. */
bool is_shared(Relation heap, Relation index, Key *key)
{
    TupleTableSlot *found = table_slot_create(heap, nullptr);
    IndexScanDesc scan = begin_index_scan(heap, index, SnapshotSelf, key->count);
    index_rescan(scan, key->scan_keys, key->count, nullptr, 0);
    int rows = 0;
    while (rows < 2 && index_getnext_slot(scan, ForwardScanDirection, found))
        rows++;
    index_endscan(scan);
    ExecDropSingleTupleTableSlot(found);
    return rows == 2;
}

char *description(Relation index, const Key *key)
{
    StringInfoData text;
    initStringInfo(&text);
    appendStringInfo(&text, "(%s)=(", pg_get_indexdef_columns(RelationGetRelid(index), true));
    for (int i = 0; i < key->count; i++) {
        Oid output;
        bool is_varlena;
        getTypeOutputInfo(index->rd_opcintype[i], &output, &is_varlena);
        appendStringInfo(&text, "%s%s", i > 0 ? ", " : "",
                         key->nulls[i] ? "null" : OidOutputFunctionCall(output, key->values[i]));
    }
    appendStringInfoChar(&text, ')');
    return text.data;
}

/* The index that the user has created, if this is its part on a partition. */
Oid users_index(Oid index)
{
    while (get_rel_relispartition(index))
        index = get_partition_parent(index, false);
    return index;
}

[[noreturn]] void raise_duplicate(const Arrangement *arrangement, Relation index, const Key *key)
{
    const Oid stream_table = definition::ShownAs::of(served_from(RelationGetRelid(arrangement->heap)));
    char *name = get_rel_name(users_index(RelationGetRelid(index)));
    ereport(ERROR,
            (errcode(ERRCODE_UNIQUE_VIOLATION), errmsg("duplicate key value violates unique constraint \"%s\"", name),
             errdetail("Key %s would be in more than one row of stream table \"%s\".", description(index, key),
                       get_rel_name(stream_table)),
             err_generic_string(PG_DIAG_SCHEMA_NAME, get_namespace_name(get_rel_namespace(stream_table))),
             err_generic_string(PG_DIAG_TABLE_NAME, get_rel_name(stream_table)),
             err_generic_string(PG_DIAG_CONSTRAINT_NAME, name)));
}

void check_row(Arrangement *arrangement, const PossibleDuplicate *possible, TupleTableSlot *slot)
{
    const RowHeap *rows = row_heap_of(arrangement, possible->heap);
    if (!fetch_existing(rows->heap, possible->tid, slot))
        return;
    const int position = position_of(rows, possible->index);
    Relation index = rows->result_info->ri_IndexRelationDescs[position];
    IndexInfo *info = rows->result_info->ri_IndexRelationInfo[position];
    Key key;
    GetPerTupleExprContext(arrangement->executor_state)->ecxt_scantuple = slot;
    FormIndexDatum(info, slot, arrangement->executor_state, key.values, key.nulls);
    if (prepare(index, info, &key) && is_shared(rows->heap, index, &key))
        raise_duplicate(arrangement, index, &key);
    ResetPerTupleExprContext(arrangement->executor_state);
}

} // namespace

void note_duplicate(Arrangement *arrangement, Oid heap, List *indexes, const ItemPointerData *tid)
{
    ListCell *cell;
    foreach (cell, indexes) {
        auto *possible =
            static_cast<PossibleDuplicate *>(MemoryContextAlloc(arrangement->context, sizeof(PossibleDuplicate)));
        *possible = {heap, lfirst_oid(cell), *tid, arrangement->possible_duplicates};
        arrangement->possible_duplicates = possible;
    }
    list_free(indexes);
}

void note_duplicates_of(Arrangement *arrangement, PossibleDuplicate *possible)
{
    while (possible != nullptr) {
        PossibleDuplicate *next = possible->next;
        possible->next = arrangement->possible_duplicates;
        arrangement->possible_duplicates = possible;
        possible = next;
    }
}

void check_uniqueness(Arrangement *arrangement)
{
    if (arrangement->possible_duplicates == nullptr)
        return;
    TupleTableSlot *slot = MakeSingleTupleTableSlot(arrangement->descriptor, &TTSOpsBufferHeapTuple);
    for (; arrangement->possible_duplicates != nullptr;
         arrangement->possible_duplicates = arrangement->possible_duplicates->next) {
        CHECK_FOR_INTERRUPTS();
        check_row(arrangement, arrangement->possible_duplicates, slot);
        ExecClearTuple(slot);
    }
    ExecDropSingleTupleTableSlot(slot);
}

} // namespace pgtrickle::storage
