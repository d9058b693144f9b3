#include "capture/source/source_rows.hpp"

#include "capture/source/unlogged_sentinel.hpp"
#include "definition/state/extension_table.hpp"
#include "pg/known_row.hpp"
#include "pg/latest_row.hpp"
#include "pg/versions/heaps.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/heap.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

enum FormatColumn {
    f_relid = 1,
    f_version,
    f_attnums,
    f_types,
    f_typmods,
    f_lengths,
    f_by_value,
    f_aligns,
    f_count = f_aligns
};

Datum array_of(Datum *elements, int count, Oid type, int16 length, char align)
{
    return PointerGetDatum(construct_array(elements, count, type, length, true, align));
}

int elements_of(Datum array, Oid type, int16 length, char align, Datum **elements)
{
    int count;
    deconstruct_array(DatumGetArrayTypeP(array), type, length, true, align, elements, nullptr, &count);
    return count;
}

/* Begins a scan for `relid` (and version, if not -1). Only one of the tables has versions. */
SysScanDesc begin_scan(Relation table, const char *index, Oid relid, int version)
{
    static ScanKeyData keys[2];
    ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
    ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_INT2EQ, Int16GetDatum(static_cast<int16>(version)));
    const bool by_index = definition::is_read_by_index(table);
    const Oid index_oid = by_index ? definition::extension_relation(index) : InvalidOid;
    return systable_beginscan(table, index_oid, by_index, nullptr, version < 0 ? 1 : 2, keys);
}

/* Returns the row of pgt_source, in the current memory context, or NULL. */
HeapTuple latest_row(Relation table, Oid relid)
{
    Snapshot snapshot = RegisterSnapshot(GetCatalogSnapshot(RelationGetRelid(table)));
    HeapTuple found = copy_known_row(table, s_relid, relid, snapshot);
    UnregisterSnapshot(snapshot);
    if (found != nullptr)
        return found;
    SysScanDesc scan = begin_scan(table, "pgt_source_pkey", relid, -1);
    found = heap_copytuple(systable_getnext(scan));
    systable_endscan(scan);
    if (found != nullptr && has_known_rows())
        note_row(table, relid, &found->t_self);
    return found;
}

void read_unneeded(Datum array, SourceRow *row)
{
    Datum *elements;
    bool *nulls;
    int count;
    deconstruct_array(DatumGetArrayTypeP(array), PG_SNAPSHOTOID, -1, false, TYPALIGN_DOUBLE, &elements, &nulls, &count);
    for (int i = 0; i < segment_count && i < count; i++)
        if (!nulls[i])
            row->unneeded[i] = OidOutputFunctionCall(F_PG_SNAPSHOT_OUT, elements[i]);
}

/* Returns a null pointer if no segment was found unneeded. */
ArrayType *written_unneeded(const SourceRow *row)
{
    Datum elements[segment_count];
    bool nulls[segment_count], is_any = false;
    for (int i = 0; i < segment_count; i++) {
        nulls[i] = row->unneeded[i] == nullptr;
        is_any = is_any || !nulls[i];
        elements[i] = nulls[i] ? Datum{0} : DirectFunctionCall1(pg_snapshot_in, CStringGetDatum(row->unneeded[i]));
    }
    int dimension = segment_count, lower = 1;
    return is_any
               ? construct_md_array(elements, nulls, 1, &dimension, &lower, PG_SNAPSHOTOID, -1, false, TYPALIGN_DOUBLE)
               : nullptr;
}

/* Reads one OID for each segment. */
void read_oids(Datum array, Oid *oids)
{
    Datum *elements;
    const int count = elements_of(array, OIDOID, sizeof(Oid), TYPALIGN_INT, &elements);
    for (int i = 0; i < segment_count; i++)
        oids[i] = i < count ? DatumGetObjectId(elements[i]) : InvalidOid;
}

Datum written_oids(const Oid *oids)
{
    Datum elements[segment_count];
    for (int i = 0; i < segment_count; i++)
        elements[i] = ObjectIdGetDatum(oids[i]);
    return array_of(elements, segment_count, OIDOID, sizeof(Oid), TYPALIGN_INT);
}

void read_row(HeapTuple tuple, TupleDesc desc, SourceRow *row)
{
    Datum values[s_count];
    bool nulls[s_count];
    heap_deform_tuple(tuple, desc, values, nulls);
    row->relid = DatumGetObjectId(values[s_relid - 1]);
    read_oids(values[s_segments - 1], row->segments);
    read_oids(values[s_files - 1], row->files);
    row->current_segment = DatumGetInt16(values[s_current - 1]);
    row->version = DatumGetInt16(values[s_version - 1]);
    row->is_active = DatumGetBool(values[s_active - 1]);
    row->trim_horizon = nulls[s_horizon - 1] ? 0 : DatumGetUInt64(values[s_horizon - 1]);
    row->standby_horizon = nulls[s_standby_horizon - 1] ? 0 : DatumGetUInt64(values[s_standby_horizon - 1]);
    row->was_unlogged = DatumGetBool(values[s_unlogged - 1]);
    std::fill_n(row->unneeded, segment_count, nullptr);
    if (!nulls[s_unneeded - 1])
        read_unneeded(values[s_unneeded - 1], row);
}

void write_row(const SourceRow *row, Datum *values, bool *nulls)
{
    memset(nulls, 0, s_count);
    values[s_relid - 1] = ObjectIdGetDatum(row->relid);
    values[s_segments - 1] = written_oids(row->segments);
    values[s_files - 1] = written_oids(row->files);
    values[s_current - 1] = Int16GetDatum(row->current_segment);
    values[s_version - 1] = Int16GetDatum(row->version);
    values[s_active - 1] = BoolGetDatum(row->is_active);
    values[s_horizon - 1] = UInt64GetDatum(row->trim_horizon);
    nulls[s_horizon - 1] = row->trim_horizon == 0;
    values[s_standby_horizon - 1] = UInt64GetDatum(row->standby_horizon);
    nulls[s_standby_horizon - 1] = row->standby_horizon == 0;
    values[s_unlogged - 1] = BoolGetDatum(row->was_unlogged);
    const ArrayType *unneeded = written_unneeded(row);
    values[s_unneeded - 1] = PointerGetDatum(unneeded);
    nulls[s_unneeded - 1] = unneeded == nullptr;
}

/* Whether the snapshot sees this version of the row, which another transaction wrote. */
bool is_row_seen(const SourceRow *row, Snapshot snapshot)
{
    return !TransactionIdIsCurrentTransactionId(row->xmin) &&
           (!TransactionIdIsNormal(row->xmin) || !XidInMVCCSnapshot(row->xmin, snapshot));
}

enum LockOf : uint16 { of_capture, of_tree, of_claims };

LOCKTAG lock_of(LockOf what, Oid source)
{
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, MyDatabaseId, source_table(), source, what);
    return tag;
}

bool lock_capture_of(Oid source, bool waits)
{
    const LOCKTAG tag = lock_of(of_capture, source);
    if (LockAcquire(&tag, ExclusiveLock, false, !waits) == LOCKACQUIRE_NOT_AVAIL)
        return false;
    AcceptInvalidationMessages();
    return true;
}

} // namespace

void lock_capture(Oid source)
{
    (void)lock_capture_of(source, true);
}

bool lock_capture_if_free(Oid source)
{
    return lock_capture_of(source, false);
}

void unlock_capture(Oid source)
{
    const LOCKTAG tag = lock_of(of_capture, source);
    (void)LockRelease(&tag, ExclusiveLock, false);
}

void claim(Oid source)
{
    const LOCKTAG tag = lock_of(of_claims, source);
    (void)LockAcquire(&tag, ShareLock, false, false);
    AcceptInvalidationMessages();
}

bool lock_unclaimed(Oid source)
{
    const LOCKTAG tag = lock_of(of_claims, source);
    return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

bool is_claimed_by_others(Oid source)
{
    if (!lock_unclaimed(source))
        return true;
    const LOCKTAG tag = lock_of(of_claims, source);
    return !LockRelease(&tag, ExclusiveLock, false);
}

LOCKTAG lock_of_tree(Oid source)
{
    return lock_of(of_tree, source);
}

void lock_tree(Oid source, LOCKMODE mode)
{
    const LOCKTAG tag = lock_of_tree(source);
    (void)LockAcquire(&tag, mode, false, false);
    AcceptInvalidationMessages();
}

bool lock_tree_if_free(Oid source, LOCKMODE mode)
{
    const LOCKTAG tag = lock_of_tree(source);
    if (LockAcquire(&tag, mode, false, true) == LOCKACQUIRE_NOT_AVAIL)
        return false;
    AcceptInvalidationMessages();
    return true;
}

void unlock_tree(Oid source, LOCKMODE mode)
{
    const LOCKTAG tag = lock_of_tree(source);
    (void)LockRelease(&tag, mode, false);
}

Oid source_table()
{
    return definition::extension_relation("pgt_source");
}

bool find_source(Oid relid, SourceRow *row)
{
    Relation table = definition::open_extension_table("pgt_source", AccessShareLock);
    if (table == nullptr)
        return false;
    HeapTuple tuple = latest_row(table, relid);
    bool found = HeapTupleIsValid(tuple);
    if (found) {
        read_row(tuple, RelationGetDescr(table), row);
        row->xmin = HeapTupleHeaderGetXmin(tuple->t_data);
    }
    table_close(table, AccessShareLock);
    /* A row may outlive its log, all segments of it, if the source was dropped while the extension's hooks were not
     * loaded, and another relation may have got the same OID since. */
    return found && SearchSysCacheExists1(RELOID, ObjectIdGetDatum(row->segments[row->current_segment]));
}

bool find_captured(Oid relid, Snapshot snapshot, SourceRow *row)
{
    if (!find_source(relid, row) || !row->is_active)
        return false;
    if (is_row_seen(row, snapshot)) /* usually */
        return true;
    const SourceRow now = *row;
    Relation table = table_open(source_table(), AccessShareLock);
    ScanKeyData key;
    SysScanDesc scan = definition::begin_scan_by_oid(table, "pgt_source_pkey", s_relid, relid, &key, snapshot);
    HeapTuple tuple = systable_getnext(scan);
    const bool is_seen = HeapTupleIsValid(tuple);
    if (is_seen)
        read_row(tuple, RelationGetDescr(table), row);
    systable_endscan(scan);
    table_close(table, AccessShareLock);
    row->trim_horizon = now.trim_horizon;
    row->standby_horizon = now.standby_horizon;
    return is_seen && row->is_active && memcmp(row->segments, now.segments, sizeof(now.segments)) == 0;
}

bool is_captured_since(Oid relid, Snapshot snapshot)
{
    SourceRow row;
    return find_source(relid, &row) && row.is_active && is_row_seen(&row, snapshot);
}

List *captured_sources()
{
    List *relids = NIL;
    Relation table = definition::open_extension_table("pgt_source", AccessShareLock);
    if (table == nullptr)
        return NIL;
    SysScanDesc scan = systable_beginscan(table, InvalidOid, false, nullptr, 0, nullptr);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        bool is_null;
        relids = lappend_oid(relids, DatumGetObjectId(heap_getattr(tuple, s_relid, RelationGetDescr(table), &is_null)));
    }
    systable_endscan(scan);
    table_close(table, AccessShareLock);
    return relids;
}

void insert_source(const SourceRow *row)
{
    Datum values[s_count];
    bool nulls[s_count];
    write_row(row, values, nulls);
    Relation table = table_open(source_table(), RowExclusiveLock);
    HeapTuple tuple = heap_form_tuple(RelationGetDescr(table), values, nulls);
    CatalogTupleInsert(table, tuple);
    table_close(table, RowExclusiveLock);
    CommandCounterIncrement();
}

void update_source(const SourceRow *row, std::initializer_list<SourceColumn> changed)
{
    Datum values[s_count];
    bool nulls[s_count], replaces[s_count] = {};
    write_row(row, values, nulls);
    for (const SourceColumn column : changed)
        replaces[column - 1] = true;
    Relation table = table_open(source_table(), RowExclusiveLock);
    SysScanDesc scan = begin_scan(table, "pgt_source_pkey", row->relid, -1);
    HeapTuple tuple = systable_getnext(scan);
    HeapTuple latest = HeapTupleIsValid(tuple) ? lock_latest(table, tuple) : nullptr;
    if (latest == nullptr)
        ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                        errmsg("the change log of relation %u was removed by another transaction", row->relid)));
    CatalogTupleUpdate(table, &latest->t_self,
                       heap_modify_tuple(latest, RelationGetDescr(table), values, nulls, replaces));
    systable_endscan(scan);
    table_close(table, RowExclusiveLock);
    CommandCounterIncrement();
}

void remove_source(Oid relid)
{
    const char *const names[2][2] = {{"pgt_source", "pgt_source_pkey"},
                                     {"pgt_source_format", "pgt_source_format_pkey"}};
    for (const auto &[name, index] : names) {
        Oid table_oid = definition::extension_relation(name);
        if (!OidIsValid(table_oid))
            continue;
        Relation table = table_open(table_oid, RowExclusiveLock);
        SysScanDesc scan = begin_scan(table, index, relid, -1);
        HeapTuple tuple;
        while (HeapTupleIsValid(tuple = systable_getnext(scan)))
            (void)remove_latest(table, tuple); /* upkeep may change it, under a lock that excludes no DROP */
        systable_endscan(scan);
        table_close(table, RowExclusiveLock);
    }
    remove_sentinel(relid);
    CommandCounterIncrement();
}

const FormData_pg_attribute *column_numbered(TupleDesc descriptor, AttrNumber attnum)
{
    if (attnum == table_oid_column)
        return SystemAttributeDefinition(attnum);
    if (attnum < 1 || attnum > descriptor->natts || TupleDescAttr(descriptor, attnum - 1)->attisdropped)
        return nullptr;
    return TupleDescAttr(descriptor, attnum - 1);
}

char *column_name(Oid relid, AttrNumber attnum)
{
    HeapTuple row = SearchSysCacheAttNum(relid, attnum);
    if (!HeapTupleIsValid(row))
        return nullptr;
    char *name = pstrdup(NameStr(reinterpret_cast<Form_pg_attribute>(GETSTRUCT(row))->attname));
    ReleaseSysCache(row);
    return name;
}

namespace {

Format *format_of(HeapTuple tuple, TupleDesc desc)
{
    Datum values[f_count];
    bool nulls[f_count];
    Datum *attnums, *types, *typmods, *lengths, *by_value, *aligns;
    heap_deform_tuple(tuple, desc, values, nulls);
    auto *format = static_cast<Format *>(palloc0(sizeof(Format)));
    format->version = DatumGetInt16(values[f_version - 1]);
    int count = elements_of(values[f_attnums - 1], INT2OID, sizeof(int16), TYPALIGN_SHORT, &attnums);
    elements_of(values[f_types - 1], OIDOID, sizeof(Oid), TYPALIGN_INT, &types);
    elements_of(values[f_typmods - 1], INT4OID, sizeof(int32), TYPALIGN_INT, &typmods);
    elements_of(values[f_lengths - 1], INT2OID, sizeof(int16), TYPALIGN_SHORT, &lengths);
    elements_of(values[f_by_value - 1], BOOLOID, sizeof(bool), TYPALIGN_CHAR, &by_value);
    elements_of(values[f_aligns - 1], CHAROID, sizeof(char), TYPALIGN_CHAR, &aligns);
    format->column_count = count;
    format->attnums = static_cast<AttrNumber *>(palloc(sizeof(AttrNumber) * (count + 1)));
    format->types = static_cast<Oid *>(palloc(sizeof(Oid) * (count + 1)));
    format->typmods = static_cast<int32 *>(palloc(sizeof(int32) * (count + 1)));
    format->packed = CreateTemplateTupleDesc(count);
    for (int i = 0; i < count; i++) {
        Form_pg_attribute att = TupleDescAttr(format->packed, i);
        format->attnums[i] = DatumGetInt16(attnums[i]);
        format->types[i] = DatumGetObjectId(types[i]);
        format->typmods[i] = DatumGetInt32(typmods[i]);
        att->attnum = static_cast<AttrNumber>(i + 1);
        att->atttypid = format->types[i];
        att->atttypmod = format->typmods[i];
        att->attlen = DatumGetInt16(lengths[i]);
        att->attbyval = DatumGetBool(by_value[i]);
        att->attalign = DatumGetChar(aligns[i]);
        /* Functions of a type with plain storage (tsquery) do not expect a short header. */
        att->attstorage = get_typstorage(att->atttypid);
        finish_column(format->packed, i);
    }
    return format;
}

/* Returns all formats of the source if `version` is negative. */
List *read_formats(Oid relid, int version)
{
    List *formats = NIL;
    Relation table = table_open(definition::extension_relation("pgt_source_format"), AccessShareLock);
    SysScanDesc scan = begin_scan(table, "pgt_source_format_pkey", relid, version);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan)))
        formats = lappend(formats, format_of(tuple, RelationGetDescr(table)));
    systable_endscan(scan);
    table_close(table, AccessShareLock);
    return formats;
}

} // namespace

List *formats_of(Oid relid)
{
    return read_formats(relid, -1);
}

Format *find_format(Oid relid, int16 version)
{
    List *found = read_formats(relid, version);
    return found == NIL ? nullptr : static_cast<Format *>(linitial(found));
}

void insert_format(Oid relid, int16 version, const AttrNumber *attnums, int column_count)
{
    const int n = column_count;
    auto allocate = [n] { return static_cast<Datum *>(palloc(sizeof(Datum) * (n + 1))); };
    Datum *numbers = allocate(), *types = allocate(), *typmods = allocate();
    Datum *lengths = allocate(), *by_value = allocate(), *aligns = allocate();
    Relation source = relation_open(relid, AccessShareLock);
    for (int i = 0; i < n; i++) {
        const FormData_pg_attribute *att = column_numbered(RelationGetDescr(source), attnums[i]);
        if (att == nullptr)
            elog(ERROR, "relation %u has no column %d", relid, attnums[i]);
        numbers[i] = Int16GetDatum(attnums[i]);
        types[i] = ObjectIdGetDatum(att->atttypid);
        typmods[i] = Int32GetDatum(att->atttypmod);
        lengths[i] = Int16GetDatum(att->attlen);
        by_value[i] = BoolGetDatum(att->attbyval);
        aligns[i] = CharGetDatum(att->attalign);
    }
    relation_close(source, NoLock);

    Datum values[f_count];
    bool nulls[f_count] = {};
    values[f_relid - 1] = ObjectIdGetDatum(relid);
    values[f_version - 1] = Int16GetDatum(version);
    values[f_attnums - 1] = array_of(numbers, n, INT2OID, sizeof(int16), TYPALIGN_SHORT);
    values[f_types - 1] = array_of(types, n, OIDOID, sizeof(Oid), TYPALIGN_INT);
    values[f_typmods - 1] = array_of(typmods, n, INT4OID, sizeof(int32), TYPALIGN_INT);
    values[f_lengths - 1] = array_of(lengths, n, INT2OID, sizeof(int16), TYPALIGN_SHORT);
    values[f_by_value - 1] = array_of(by_value, n, BOOLOID, sizeof(bool), TYPALIGN_CHAR);
    values[f_aligns - 1] = array_of(aligns, n, CHAROID, sizeof(char), TYPALIGN_CHAR);
    Relation table = table_open(definition::extension_relation("pgt_source_format"), RowExclusiveLock);
    CatalogTupleInsert(table, heap_form_tuple(RelationGetDescr(table), values, nulls));
    table_close(table, RowExclusiveLock);
    CommandCounterIncrement();
}

} // namespace pgtrickle::capture
