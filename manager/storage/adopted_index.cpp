#include "storage/adopted_index.hpp"

#include "pg/rights.hpp"
#include "pg/versions/heaps.hpp"
#include "storage/index_placement.hpp"
#include "storage/layout.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_index.h"
#include "commands/comment.h"
#include "commands/defrem.h"
#include "commands/tablespace.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

#include <utility>

namespace pgtrickle::storage {

/* All functions are PostgreSQL frames. */

Oid adopted_index_of(Oid heap)
{
    Oid found = InvalidOid;
    Relation catalog = table_open(IndexRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_index_indrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(heap));
    SysScanDesc scan = systable_beginscan(catalog, IndexIndrelidIndexId, true, nullptr, 1, &key);
    for (HeapTuple tuple; HeapTupleIsValid(tuple = systable_getnext(scan));)
        if (auto *index = reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple)); index->indisreplident && index->indisvalid)
            found = index->indexrelid;
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return found;
}

namespace {

/* Whether a column is indexed as the own index indexes it: by the operator class and the order that are the default. */
bool is_like_own(const IndexElem *element, Relation own, int position)
{
    const AttrNumber column = own->rd_index->indkey.values[position];
    const char *name = get_attname(own->rd_index->indrelid, column, false);
    return element->name != nullptr && strcmp(element->name, name) == 0 && element->opclass == NIL &&
           element->opclassopts == NIL && element->ordering != SORTBY_DESC &&
           element->nulls_ordering != SORTBY_NULLS_FIRST &&
           (element->collation == NIL ||
            get_collation_oid(element->collation, false) == own->rd_indcollation[position]);
}

/* Returns the tablespace that the statement asks for; InvalidOid for that of the database. */
Oid tablespace_of(const IndexStmt *statement)
{
    const Oid asked = statement->tableSpace != nullptr ? get_tablespace_oid(statement->tableSpace, false)
                                                       : GetDefaultTablespace(RELPERSISTENCE_PERMANENT, false);
    return asked == MyDatabaseTableSpace ? InvalidOid : asked;
}

bool creates_own(const IndexStmt *statement, Relation own)
{
    if (!statement->unique || statement->nulls_not_distinct || statement->whereClause != nullptr ||
        statement->indexIncludingParams != NIL || statement->options != NIL ||
        strcmp(statement->accessMethod, DEFAULT_INDEX_TYPE) != 0 ||
        list_length(statement->indexParams) != own->rd_index->indnatts ||
        tablespace_of(statement) != own->rd_rel->reltablespace)
        return false;
    for (int i = 0; i < own->rd_index->indnatts; i++)
        if (!is_like_own(list_nth_node(IndexElem, statement->indexParams, i), own, i))
            return false;
    return true;
}

/* Whether two rows, which follow each other in the order of the index, have one key. NULLs are distinct. */
bool is_shared(Relation index, TupleTableSlot *row, TupleTableSlot *next)
{
    for (int i = 0; i < index->rd_index->indnkeyatts; i++) {
        const AttrNumber column = index->rd_index->indkey.values[i];
        bool is_null, is_next_null;
        const Datum value = slot_getattr(row, column, &is_null), next_value = slot_getattr(next, column, &is_next_null);
        if (is_null || is_next_null)
            return false;
        const Datum order = FunctionCall2Coll(index_getprocinfo(index, static_cast<AttrNumber>(i + 1), BTORDER_PROC),
                                              index->rd_indcollation[i], value, next_value);
        if (DatumGetInt32(order) != 0)
            return false;
    }
    return true;
}

/* Reads all rows in the order of the index, whose operator class may be a user's. */
bool has_shared_key(Relation heap, Relation index)
{
    TupleTableSlot *row = table_slot_create(heap, nullptr), *next = table_slot_create(heap, nullptr);
    MemoryContext of_keys = AllocSetContextCreate(CurrentMemoryContext, "keys", ALLOCSET_SMALL_SIZES);
    IndexScanDesc scan = begin_index_scan(heap, index, SnapshotSelf, 0);
    index_rescan(scan, nullptr, 0, nullptr, 0);
    bool is_found = false;
    while (!is_found && index_getnext_slot(scan, ForwardScanDirection, next)) {
        CHECK_FOR_INTERRUPTS();
        MemoryContext previous = MemoryContextSwitchTo(of_keys);
        is_found = !TupIsNull(row) && is_shared(index, row, next);
        MemoryContextSwitchTo(previous);
        MemoryContextReset(of_keys);
        std::swap(row, next);
    }
    index_endscan(scan);
    MemoryContextDelete(of_keys);
    ExecDropSingleTupleTableSlot(row);
    ExecDropSingleTupleTableSlot(next);
    return is_found;
}

bool has_shared_key_as_owner(Relation heap, Relation index)
{
    return enter([=] {
        AsOwner as_owner(heap->rd_rel->relowner, Sharing::all);
        return call([=] { return has_shared_key(heap, index); });
    });
}

void mark(Oid index, bool is_unique, bool is_adopted)
{
    Relation catalog = table_open(IndexRelationId, RowExclusiveLock);
    HeapTuple tuple = SearchSysCacheCopy1(INDEXRELID, ObjectIdGetDatum(index));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for index %u", index);
    auto *form = reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple));
    form->indisunique = is_unique;
    form->indisreplident = is_adopted;
    CatalogTupleUpdate(catalog, &tuple->t_self, tuple);
    table_close(catalog, RowExclusiveLock);
    CommandCounterIncrement();
}

/* The index can be dropped alone from now on. It depends on the heap as a whole: the columns of a storage are dropped
 * with it only. */
void make_users(Oid index, Oid heap)
{
    const ObjectAddress self = {RelationRelationId, index, 0}, owner = {RelationRelationId, heap, 0};
    (void)deleteDependencyRecordsForSpecific(RelationRelationId, index, DEPENDENCY_INTERNAL, RelationRelationId, heap);
    recordDependencyOn(&self, &owner, DEPENDENCY_AUTO);
}

} // namespace

void make_own(Oid index, Oid heap)
{
    const ObjectAddress self = {RelationRelationId, index, 0}, owner = {RelationRelationId, heap, 0};
    (void)deleteDependencyRecordsForSpecific(RelationRelationId, index, DEPENDENCY_AUTO, RelationRelationId, heap);
    recordDependencyOn(&self, &owner, DEPENDENCY_INTERNAL);
}

bool adopt_own_index(Oid heap, Oid own, const IndexStmt *statement)
{
    Relation table = table_open(heap, NoLock), index = index_open(own, ShareUpdateExclusiveLock);
    const bool is_adopted = index->rd_index->indisvalid && creates_own(statement, index) &&
                            (index->rd_index->indisunique || !has_shared_key_as_owner(table, index));
    index_close(index, NoLock);
    if (is_adopted) {
        mark(own, true, true);
        make_users(own, heap);
        CacheInvalidateRelcache(table);
    }
    table_close(table, NoLock);
    if (is_adopted)
        CommandCounterIncrement();
    return is_adopted;
}

void return_adopted_index(Oid heap, const char *own_name, bool is_of_groups)
{
    const Oid index = adopted_index_of(heap), schema = get_rel_namespace(index);
    const char *name = get_rel_name(index);
    Relation table = table_open(heap, NoLock);
    const Oid empty = index_concurrently_create_copy(table, index, get_rel_tablespace(index),
                                                     psprintf("%s_dropped", RelationGetRelationName(table)));
    CommandCounterIncrement();
    withhold_privileges(empty);
    mark(index, is_of_groups, false);
    place(index, get_namespace_oid(schema_name, false), own_name);
    place(empty, schema, name);
    DeleteComments(index, RelationRelationId, 0);
    (void)deleteDependencyRecordsForClass(RelationRelationId, index, ExtensionRelationId, DEPENDENCY_AUTO_EXTENSION);
    make_own(index, heap);
    CacheInvalidateRelcache(table);
    table_close(table, NoLock);
    CommandCounterIncrement();
}

} // namespace pgtrickle::storage
