#include "pg/relation_row.hpp"

#include "pg/latest_row.hpp"
#include "pg/versions/heaps.hpp"

extern "C" {
#include "access/genam.h"
#include "access/multixact.h"
#include "catalog/heap.h"
#include "commands/extension.h"
#include "utils/fmgroids.h"
#include "utils/relcache.h"
}

namespace pgtrickle {

namespace {

/* Whether another transaction that has not ended has written or locked the row. */
bool is_taken(HeapTuple row)
{
    const uint16 marks = row->t_data->t_infomask;
    if ((marks & (HEAP_XMAX_INVALID | HEAP_XMAX_IS_MULTI)) == HEAP_XMAX_IS_MULTI)
        return MultiXactIdIsRunning(HeapTupleHeaderGetRawXmax(row->t_data), HEAP_XMAX_IS_LOCKED_ONLY(marks));
    return TransactionIdIsValid(writer_of(row));
}

/* Returns the locked row, or null. The row is read after it is locked, as no other transaction can write it then. */
HeapTuple lock_row_at_once(Relation classes, Oid relation)
{
    HeapTuple row = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(row) || !lock_tuple_at_once(classes, &row->t_self, InplaceUpdateTupleLock))
        return nullptr;
    HeapTuple latest = relation_row_seen(relation, nullptr);
    if (HeapTupleIsValid(latest) && ItemPointerEquals(&latest->t_self, &row->t_self) && !is_taken(latest))
        return row;
    UnlockTuple(classes, &row->t_self, InplaceUpdateTupleLock);
    return nullptr;
}

} // namespace

Oid owner_of_relation(Oid relation, bool missing_ok)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple)) {
        if (missing_ok)
            return InvalidOid;
        elog(ERROR, "cache lookup failed for relation %u", relation);
    }
    const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    return owner;
}

HeapTuple relation_row_seen(Oid relation, Snapshot snapshot)
{
    Relation classes = table_open(RelationRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
    SysScanDesc scan = systable_beginscan(classes, ClassOidIndexId, true, snapshot, 1, &key);
    HeapTuple row = systable_getnext(scan);
    row = HeapTupleIsValid(row) ? heap_copytuple(row) : nullptr;
    systable_endscan(scan);
    table_close(classes, AccessShareLock);
    return row;
}

Oid file_of(HeapTuple row)
{
    return HeapTupleIsValid(row) ? reinterpret_cast<Form_pg_class>(GETSTRUCT(row))->relfilenode : InvalidOid;
}

List *lock_rows_at_once(const List *relations)
{
    List *rows = NIL;
    Relation classes = table_open(RelationRelationId, AccessShareLock);
    ListCell *cell;
    foreach (cell, relations) {
        HeapTuple row = lock_row_at_once(classes, lfirst_oid(cell));
        if (row == nullptr) {
            unlock_rows(rows);
            rows = NIL;
            break;
        }
        rows = lappend(rows, row);
    }
    table_close(classes, NoLock);
    return rows;
}

void unlock_rows(List *rows)
{
    Relation classes = table_open(RelationRelationId, AccessShareLock);
    ListCell *cell;
    foreach (cell, rows)
        UnlockTuple(classes, &static_cast<HeapTuple>(lfirst(cell))->t_self, InplaceUpdateTupleLock);
    table_close(classes, NoLock);
}

Oid create_internal_relation(const InternalRelation &made)
{
    const bool is_in_script = creating_extension;
    Oid relation = InvalidOid;
    /* A subtransaction of the script may catch the error. This is a PostgreSQL frame, with nothing to destroy. */
    creating_extension = false;
    PG_TRY();
    {
        relation = heap_create_with_catalog(made.name, made.schema, made.tablespace, InvalidOid, InvalidOid, InvalidOid,
                                            made.owner, made.access_method, made.columns, NIL, made.kind,
                                            RELPERSISTENCE_PERMANENT, false, false, ONCOMMIT_NOOP, made.options, false,
                                            false, true, InvalidOid, nullptr);
    }
    PG_FINALLY();
    {
        creating_extension = is_in_script;
    }
    PG_END_TRY();
    CommandCounterIncrement();
    return relation;
}

bool has_row_security(Oid relid)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
    if (!HeapTupleIsValid(tuple))
        return false;
    const bool answer = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relrowsecurity;
    ReleaseSysCache(tuple);
    return answer;
}

void hide_rows(Oid heap)
{
    Relation relation = table_open(heap, AccessShareLock);
    List *all = lappend_oid(RelationGetIndexList(relation), heap);
    table_close(relation, NoLock);
    ListCell *cell;
    foreach (cell, all)
        change_relation_row(lfirst_oid(cell), [](Relation, HeapTuple row) {
            reinterpret_cast<Form_pg_class>(GETSTRUCT(row))->relrowsecurity = true;
            return row;
        });
}

} // namespace pgtrickle
