#include "capture/log/segment.hpp"

#include "pg/relation_row.hpp"
#include "pg/versions/heaps.hpp"

extern "C" {
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/toasting.h"
#include "commands/defrem.h"
#include "commands/vacuum.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

Oid owner_of_namespace(Oid schema)
{
    HeapTuple tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for namespace %u", schema);
    Oid owner = reinterpret_cast<Form_pg_namespace>(GETSTRUCT(tuple))->nspowner;
    ReleaseSysCache(tuple);
    return owner;
}

TupleDesc segment_descriptor()
{
    TupleDesc desc = CreateTemplateTupleDesc(l_count);
    TupleDescInitEntry(desc, l_xid, "xid", XID8OID, -1, 0);
    TupleDescInitEntry(desc, l_seq, "seq", INT4OID, -1, 0);
    TupleDescInitEntry(desc, l_n, "n", INT4OID, -1, 0);
    TupleDescInitEntry(desc, l_version, "version", INT2OID, -1, 0);
    TupleDescInitEntry(desc, l_indexed, "is_indexed", BOOLOID, -1, 0);
    TupleDescInitEntry(desc, l_data, "data", BYTEAOID, -1, 0);
    TupleDescInitEntry(desc, l_overflow, "overflow", BYTEAOID, -1, 0);
    /* A chunk fills a page as it is; only a row that is too large for a chunk is compressed or stored out of
     * line. */
    TupleDescAttr(desc, l_data - 1)->attstorage = TYPSTORAGE_PLAIN;
    finish_column(desc, l_data - 1);
    return desc;
}

void depend_auto(Oid segment, Oid class_id, Oid object_id)
{
    ObjectAddress self, other;
    ObjectAddressSet(self, RelationRelationId, segment);
    ObjectAddressSet(other, class_id, object_id);
    recordDependencyOn(&self, &other, DEPENDENCY_AUTO);
}

/* As RelationGetIndexPredicate() returns it. */
List *entry_predicate()
{
    return list_make1(makeVar(1, l_indexed, BOOLOID, -1, InvalidOid, 0));
}

void create_index(Oid segment, const char *name)
{
    Relation heap = table_open(segment, ShareLock);
    IndexInfo *info = plain_index_info(1, BTREE_AM_OID);
    info->ii_IndexAttrNumbers[0] = l_xid;
    info->ii_Predicate = entry_predicate();
    create_plain_index(heap, name, info, "xid", GetDefaultOpClass(XID8OID, BTREE_AM_OID));
    table_close(heap, NoLock);
}

Oid create_segment(Oid source, int number)
{
    const Oid schema = log_namespace();
    char name[NAMEDATALEN], index_name[NAMEDATALEN];
    pg_snprintf(name, sizeof(name), "log_%u_%d", source, number);
    pg_snprintf(index_name, sizeof(index_name), "log_%u_%d_xid", source, number);

    /* A segment that was left behind by a source with the same OID. */
    Oid left = get_relname_relid(name, schema);
    if (OidIsValid(left)) {
        ObjectAddress address;
        ObjectAddressSet(address, RelationRelationId, left);
        performDeletion(&address, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
        CommandCounterIncrement();
    }
    const Oid segment = create_internal_relation(
        {.name = name, .schema = schema, .owner = owner_of_namespace(schema), .columns = segment_descriptor()});
    NewRelationCreateToastTable(segment, static_cast<Datum>(0));
    CommandCounterIncrement();
    create_index(segment, index_name);
    hide_rows(segment);
    deleteDependencyRecordsForSpecific(RelationRelationId, segment, DEPENDENCY_NORMAL, NamespaceRelationId, schema);
    depend_auto(segment, NamespaceRelationId, schema);
    depend_auto(segment, RelationRelationId, source);
    CommandCounterIncrement();
    return segment;
}

} // namespace

Oid log_namespace()
{
    return get_namespace_oid("pg_trickle_log", true);
}

void create_segments(Oid source, SourceRow *row)
{
    for (int i = 0; i < segment_count; i++) {
        row->segments[i] = create_segment(source, i);
        row->files[i] = file_of(row->segments[i]);
    }
}

Oid file_of(Oid segment)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(segment));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for relation %u", segment);
    const Oid file = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relfilenode;
    ReleaseSysCache(tuple);
    return file;
}

void drop_segments(const SourceRow *row)
{
    ObjectAddresses *addresses = new_object_addresses();
    for (Oid segment : row->segments) {
        ObjectAddress address;
        ObjectAddressSet(address, RelationRelationId, segment);
        add_exact_object_address(&address, addresses);
    }
    performMultipleDeletions(addresses, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
    free_object_addresses(addresses);
}

void lock_segments(const SourceRow *row, LOCKMODE mode)
{
    for (Oid segment : row->segments)
        LockRelationOid(segment, mode);
}

Relation *open_indexes(Relation segment, int *count)
{
    Relation *indexes = nullptr;
    vac_open_indexes(segment, RowExclusiveLock, count, &indexes);
    for (int i = 0; i < *count; i++) {
        const Form_pg_index index = indexes[i]->rd_index;
        if (index->indnatts != 1 || index->indkey.values[0] != l_xid ||
            !equal(RelationGetIndexPredicate(indexes[i]), entry_predicate()))
            elog(ERROR, "change log \"%s\" has another index", RelationGetRelationName(segment));
    }
    return indexes;
}

Oid index_of(Relation segment)
{
    /* REINDEX CONCURRENTLY may put the copy into the place of the index after the one was looked at and before the
     * other is. It does so once, and keeps the one complete until the lock on the segment is released. */
    for (int round = 0; round < 2; round++) {
        ListCell *cell;
        foreach (cell, RelationGetIndexList(segment))
            if (get_index_isvalid(lfirst_oid(cell)))
                return lfirst_oid(cell);
    }
    elog(ERROR, "change log \"%s\" has no valid index", RelationGetRelationName(segment));
}

List *left_indexes(Oid segment_oid)
{
    Relation segment = table_open(segment_oid, AccessShareLock);
    Relation toast = table_open(segment->rd_rel->reltoastrelid, AccessShareLock);
    List *left = list_concat(list_delete_oid(RelationGetIndexList(segment), index_of(segment)),
                             list_delete_oid(RelationGetIndexList(toast), index_of(toast)));
    table_close(toast, AccessShareLock);
    table_close(segment, AccessShareLock);
    return left;
}

void drop_indexes(const List *indexes)
{
    ObjectAddresses *addresses = new_object_addresses();
    ListCell *cell;
    foreach (cell, indexes) {
        ObjectAddress address;
        ObjectAddressSet(address, RelationRelationId, lfirst_oid(cell));
        add_exact_object_address(&address, addresses);
    }
    performMultipleDeletions(addresses, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
    free_object_addresses(addresses);
}

} // namespace pgtrickle::capture
