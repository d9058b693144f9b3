/*
 * Rows of pgt_state and pgt_dependency, accessed as heap tuples. The tables are looked up by name in the
 * extension's schema each time (two syscache look-ups), because an OID kept over DROP EXTENSION and CREATE
 * EXTENSION would be wrong. Their indexes are looked up likewise.
 */
#include "definition/state/state.hpp"

#include "definition/state/collation_versions.hpp"
#include "definition/state/extension_table.hpp"
#include "definition/state/frontier.hpp"
#include "pg/known_row.hpp"
#include "pg/latest_row.hpp"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
}

#include <limits>

namespace pgtrickle::state {

namespace {

SysScanDesc begin_state_scan(Relation table, Oid key, ScanKeyData *scan_key, Snapshot snapshot = nullptr)
{
    return definition::begin_scan_by_oid(table, "pgt_state_pkey", Column::relid, key, scan_key, snapshot);
}

/* Returns the row of relid, in the current memory context, or NULL; under the latest snapshot if `snapshot`
 * is null. */
HeapTuple find_row(Relation table, Oid relid, Snapshot snapshot)
{
    if (snapshot == nullptr)
        snapshot = GetCatalogSnapshot(RelationGetRelid(table));
    snapshot = RegisterSnapshot(snapshot);
    HeapTuple found = copy_known_row(table, Column::relid, relid, snapshot);
    if (found == nullptr) {
        ScanKeyData key;
        SysScanDesc scan = begin_state_scan(table, relid, &key, snapshot);
        HeapTuple tuple = systable_getnext(scan);
        if (HeapTupleIsValid(tuple)) {
            found = heap_copytuple(tuple);
            note_row(table, relid, &found->t_self);
        }
        systable_endscan(scan);
    }
    UnregisterSnapshot(snapshot);
    return found;
}

/* Contents of one row, copied into the current memory context. */
struct RawRow {
    bool is_found;
    bool is_own;
    TransactionId written_by;
    Datum values[column_count];
    bool nulls[column_count];
    char *frontier;
    Status status;
    char *last_error_message;
    Marks marks;
};

/* PostgreSQL frame. */
Status status_of(Datum value)
{
    const char *name = TextDatumGetCString(value);
    for (Status status : {Status::initializing, Status::active, Status::suspended, Status::error})
        if (strcmp(name, name_of(status)) == 0)
            return status;
    elog(ERROR, "unknown status of a stream table: %s", name);
}

/* Reads the row and its marks under one snapshot, because a refresh removes marks and adds their number to
 * the row in one transaction. */
RawRow read_raw(Oid relid, Snapshot snapshot)
{
    RawRow raw = {};
    Relation table = definition::open_extension_table("pgt_state", AccessShareLock);
    if (table == nullptr)
        return raw;
    snapshot = RegisterSnapshot(snapshot != nullptr ? snapshot : GetCatalogSnapshot(RelationGetRelid(table)));
    HeapTuple tuple = find_row(table, relid, snapshot);
    if (tuple != nullptr) {
        raw.is_found = true;
        raw.is_own = TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data));
        raw.written_by = writer_of(tuple);
        heap_deform_tuple(tuple, RelationGetDescr(table), raw.values, raw.nulls);
        raw.status = status_of(raw.values[Column::status - 1]);
        if (!raw.nulls[Column::frontier - 1])
            raw.frontier = DatumGetCString(OidFunctionCall1(F_PG_SNAPSHOT_OUT, raw.values[Column::frontier - 1]));
        if (!raw.nulls[Column::last_error_message - 1])
            raw.last_error_message = TextDatumGetCString(raw.values[Column::last_error_message - 1]);
        raw.marks = marks_of(relid, snapshot);
    }
    UnregisterSnapshot(snapshot);
    table_close(table, AccessShareLock);
    return raw;
}

bool has_other_collations(const RawRow &raw)
{
    constexpr int index = Column::collation_versions - 1;
    return DatumGetBool(raw.values[Column::is_populated - 1]) && !raw.nulls[index] &&
           !are_present_versions(TextDatumGetCString(raw.values[index]));
}

int64_t generation_of(const RawRow &raw)
{
    return raw.is_found ? DatumGetInt64(raw.values[Column::generation - 1]) + raw.marks.count : 0;
}

} // namespace

const char *name_of(Status status)
{
    switch (status) {
    case Status::initializing: return "INITIALIZING";
    case Status::active: return "ACTIVE";
    case Status::suspended: return "SUSPENDED";
    case Status::error: return "ERROR";
    }
    return "";
}

Oid state_table()
{
    return definition::extension_relation("pgt_state");
}

Oid dependency_table()
{
    return definition::extension_relation("pgt_dependency");
}

LOCKTAG refresh_lock(Oid relid)
{
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, MyDatabaseId, state_table(), relid, 0);
    return tag;
}

LOCKTAG definition_lock(Oid relid)
{
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, MyDatabaseId, state_table(), relid, 5);
    return tag;
}

bool read(Oid relid, StateRow *row, Snapshot snapshot)
{
    RawRow raw = call([=] { return read_raw(relid, snapshot); });
    if (!raw.is_found)
        return false;
    auto is_null = [&](Column column) { return raw.nulls[column - 1]; };
    auto value = [&](Column column) { return raw.values[column - 1]; };
    row->is_populated = DatumGetBool(value(Column::is_populated));
    row->has_other_collations = call([&] { return has_other_collations(raw); });
    row->needs_reinit = raw.marks.reason != nullptr || row->has_other_collations;
    row->needs_setup = raw.marks.needs_setup;
    if (row->needs_reinit)
        row->reinit_reason = raw.marks.reason != nullptr ? raw.marks.reason : "a collation has another version now";
    row->marks.assign(raw.marks.ids, raw.marks.ids + raw.marks.count);
    row->status = raw.status;
    row->frontier = raw.frontier != nullptr ? raw.frontier : "";
    row->own_xid = is_null(Column::own_xid) ? 0 : DatumGetUInt64(value(Column::own_xid));
    row->own_seq = is_null(Column::own_seq) ? 0 : DatumGetInt32(value(Column::own_seq));
    row->system_identifier = is_null(Column::system_identifier) ? 0 : DatumGetInt64(value(Column::system_identifier));
    row->data_timestamp = is_null(Column::data_timestamp) ? 0 : DatumGetTimestampTz(value(Column::data_timestamp));
    row->consecutive_errors = DatumGetInt32(value(Column::consecutive_errors));
    row->generation = generation_of(raw);
    if (!is_null(Column::is_incremental))
        row->is_incremental = DatumGetBool(value(Column::is_incremental));
    auto time = [&](Column column) { return is_null(column) ? TimestampTz{0} : DatumGetTimestampTz(value(column)); };
    row->last_refresh_at = time(Column::last_refresh_at);
    row->last_error_message = raw.last_error_message != nullptr ? raw.last_error_message : "";
    row->last_error_at = time(Column::last_error_at);
    row->created_at = time(Column::created_at);
    row->updated_at = time(Column::updated_at);
    row->written_by = raw.written_by;
    return true;
}

int64_t visible_generation(Oid relid, Snapshot snapshot)
{
    return generation_of(read_raw(relid, snapshot));
}

namespace {

/* Whether this transaction has filled the stream table with rows that its own snapshot does not see (refresh.cpp,
 * is_fill()). */
bool is_filled_ahead(const RawRow &raw, Snapshot snapshot)
{
    if (!raw.is_own || raw.frontier == nullptr || snapshot == nullptr || !IsolationUsesXactSnapshot())
        return false;
    return enter([&] {
        constexpr int32_t all = std::numeric_limits<int32_t>::max();
        return !Frontier::of_snapshot(snapshot, all).includes(Frontier::from_text(raw.frontier, 0, 0));
    });
}

} // namespace

VisibleRow visible_row(Oid relid, Snapshot snapshot)
{
    VisibleRow seen;
    const RawRow raw = read_raw(relid, snapshot);
    if (!raw.is_found)
        return seen;
    auto is_null = [&](Column column) { return raw.nulls[column - 1]; };
    auto value = [&](Column column) { return raw.values[column - 1]; };
    seen.exists = true;
    seen.is_own = raw.is_own;
    seen.is_populated = DatumGetBool(value(Column::is_populated));
    seen.needs_reinit = raw.marks.reason != nullptr || has_other_collations(raw) || is_filled_ahead(raw, snapshot) ||
                        (snapshot != nullptr && IsolationUsesXactSnapshot() &&
                         generation_of(raw) != generation_of(read_raw(relid, nullptr)));
    seen.needs_setup = raw.marks.needs_setup;
    seen.status = raw.status;
    seen.frontier = raw.frontier;
    seen.own_xid = is_null(Column::own_xid) ? 0 : DatumGetUInt64(value(Column::own_xid));
    seen.own_seq = is_null(Column::own_seq) ? 0 : DatumGetInt32(value(Column::own_seq));
    seen.data_timestamp =
        is_null(Column::data_timestamp) ? DT_NOBEGIN : DatumGetTimestampTz(value(Column::data_timestamp));
    return seen;
}

void insert(Oid relid)
{
    Relation table = definition::open_extension_table("pgt_state", RowExclusiveLock);
    if (table == nullptr)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("extension \"pg_trickle\" is not installed in this database"),
                        errhint("Run CREATE EXTENSION pg_trickle.")));
    remove_marks(relid); /* marks of a dropped stream table that had the same OID */
    Datum values[column_count] = {};
    bool nulls[column_count];
    memset(nulls, true, sizeof(nulls));
    auto set = [&](Column column, Datum value) {
        values[column - 1] = value;
        nulls[column - 1] = false;
    };
    Datum now = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
    set(Column::relid, ObjectIdGetDatum(relid));
    set(Column::is_populated, BoolGetDatum(false));
    set(Column::status, CStringGetTextDatum(name_of(Status::initializing)));
    set(Column::consecutive_errors, Int32GetDatum(0));
    set(Column::generation, Int64GetDatum(1));
    set(Column::created_at, now);
    set(Column::updated_at, now);
    CatalogTupleInsert(table, heap_form_tuple(RelationGetDescr(table), values, nulls));
    table_close(table, RowExclusiveLock);
    CommandCounterIncrement();
}

namespace {

/* New values for columns of a row. */
struct Replacement {
    Datum values[column_count] = {};
    bool nulls[column_count] = {};
    bool replaces[column_count] = {};

    void set(Column column, Datum value)
    {
        values[column - 1] = value;
        nulls[column - 1] = false;
        replaces[column - 1] = true;
    }
    void set_null(Column column)
    {
        set(column, 0);
        nulls[column - 1] = true;
    }
};

/* Locks the row of relid and replaces the columns that `fill` sets, given the latest version of the row.
 * Raises an error if the row does not exist and `must_exist` is true. */
template <class Fill> void replace(Oid relid, bool must_exist, Fill fill)
{
    Relation table = definition::open_extension_table("pgt_state", RowExclusiveLock);
    if (table != nullptr) {
        HeapTuple tuple = find_row(table, relid, nullptr);
        HeapTuple latest = tuple != nullptr ? lock_latest(table, tuple) : nullptr;
        if (tuple != nullptr && latest == nullptr && must_exist)
            ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                            errmsg("the state of a stream table was removed by another transaction")));
        Replacement replacement;
        if (latest != nullptr && fill(latest, RelationGetDescr(table), &replacement)) {
            replacement.set(Column::updated_at, TimestampTzGetDatum(GetCurrentTimestamp()));
            HeapTuple changed = heap_modify_tuple(latest, RelationGetDescr(table), replacement.values,
                                                  replacement.nulls, replacement.replaces);
            CatalogTupleUpdate(table, &latest->t_self, changed);
            note_row(table, relid, &changed->t_self);
        }
        table_close(table, RowExclusiveLock);
        CommandCounterIncrement();
        if (latest != nullptr)
            return;
    }
    if (must_exist)
        elog(ERROR, "stream table %u has no state", relid);
}

} // namespace

bool update_after_refresh(Oid relid, Datum values[column_count], bool nulls[column_count], bool replaces[column_count])
{
    bool is_suspended = false;
    replace(relid, true, [&](HeapTuple latest, TupleDesc descriptor, Replacement *replacement) {
        bool is_null;
        is_suspended = status_of(heap_getattr(latest, Column::status, descriptor, &is_null)) == Status::suspended;
        for (int i = 0; i < column_count; i++)
            if (replaces[i] && !(is_suspended && i + 1 == Column::status)) {
                replacement->set(static_cast<Column>(i + 1), values[i]);
                replacement->nulls[i] = nulls[i];
            }
        return true;
    });
    return is_suspended;
}

namespace {

/* Under a fixed snapshot, the new row would stand for a refresh whose rows that snapshot does not see. */
void require_seen(HeapTuple latest)
{
    const TransactionId writer = HeapTupleHeaderGetXmin(latest->t_data);
    if (IsolationUsesXactSnapshot() && !TransactionIdIsCurrentTransactionId(writer) &&
        XidInMVCCSnapshot(writer, GetTransactionSnapshot()))
        ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                        errmsg("could not serialize access due to concurrent update"),
                        errdetail("The stream table was refreshed or altered after the snapshot was taken."),
                        errhint("Retry the transaction.")));
}

} // namespace

Before set_suspended(Oid relid, bool is_suspended)
{
    Before before = {};
    replace(relid, true, [&](HeapTuple latest, TupleDesc descriptor, Replacement *replacement) {
        require_seen(latest);
        bool is_null;
        before.was_suspended =
            status_of(heap_getattr(latest, Column::status, descriptor, &is_null)) == Status::suspended;
        before.is_populated = DatumGetBool(heap_getattr(latest, Column::is_populated, descriptor, &is_null));
        const Status status = is_suspended          ? Status::suspended
                              : before.is_populated ? Status::active
                                                    : Status::initializing;
        replacement->set(Column::status, CStringGetTextDatum(name_of(status)));
        replacement->set(Column::consecutive_errors, Int32GetDatum(0));
        return true;
    });
    return before;
}

namespace {

void remove_rows(const char *table_name, const char *index_name, Oid relid)
{
    Relation table = definition::open_extension_table(table_name, RowExclusiveLock);
    if (table == nullptr)
        return;
    ScanKeyData key;
    SysScanDesc scan = definition::begin_scan_by_oid(table, index_name, 1, relid, &key);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan)))
        (void)remove_latest(table, tuple);
    systable_endscan(scan);
    table_close(table, RowExclusiveLock);
    CommandCounterIncrement();
}

} // namespace

void remove(Oid relid)
{
    remove_rows("pgt_state", "pgt_state_pkey", relid);
    remove_marks(relid);
}

void remove_dependencies(Oid relid)
{
    invalidate_refresh_sets();
    remove_rows("pgt_dependency", "pgt_dependency_pkey", relid);
}

void remove_applied_marks(Oid relid, const MarkId *marks, int count)
{
    const int removed = remove_marks(relid, marks, count);
    if (removed == 0)
        return;
    replace(relid, true, [=](HeapTuple tuple, TupleDesc descriptor, Replacement *replacement) {
        bool is_null;
        const int64 generation = DatumGetInt64(heap_getattr(tuple, Column::generation, descriptor, &is_null));
        replacement->set(Column::generation, Int64GetDatum(generation + removed));
        return true;
    });
}

void set_unpopulated(Oid relid)
{
    const Marks marks = marks_of(relid, nullptr);
    remove_applied_marks(relid, marks.ids, marks.count);
    replace(relid, true, [](HeapTuple, TupleDesc, Replacement *replacement) {
        replacement->set(Column::is_populated, BoolGetDatum(false));
        replacement->set_null(Column::frontier);
        replacement->set_null(Column::own_xid);
        replacement->set_null(Column::own_seq);
        return true;
    });
}

void take_over(Oid relid, Oid successor)
{
    constexpr Column taken[] = {frontier,       own_xid,      own_seq,        system_identifier,
                                data_timestamp, is_populated, is_incremental, collation_versions,
                                last_refresh_at};
    Relation table = definition::open_extension_table("pgt_state", RowExclusiveLock);
    HeapTuple from = table != nullptr ? find_row(table, successor, nullptr) : nullptr;
    if (from == nullptr)
        elog(ERROR, "stream table %u has no state", successor);
    replace(relid, true, [=](HeapTuple latest, TupleDesc descriptor, Replacement *replacement) {
        for (Column column : taken) {
            bool is_null;
            const Datum value = heap_getattr(from, column, descriptor, &is_null);
            replacement->set(column, value);
            replacement->nulls[column - 1] = is_null;
        }
        bool is_null;
        if (status_of(heap_getattr(latest, Column::status, descriptor, &is_null)) != Status::suspended)
            replacement->set(Column::status, CStringGetTextDatum(name_of(Status::active)));
        replacement->set(Column::consecutive_errors, Int32GetDatum(0));
        replacement->set_null(Column::last_error_message);
        return true;
    });
    table_close(table, NoLock);
}

} // namespace pgtrickle::state
