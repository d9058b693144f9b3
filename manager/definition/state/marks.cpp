#include "definition/state/marks.hpp"

#include "definition/state/extension_table.hpp"
#include "pg/invalidation_listeners.hpp"
#include "pg/latest_row.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"
}

#include <algorithm>

namespace pgtrickle::state {

namespace {

enum MarkColumn : int { mark_relid = 1, mark_xid, mark_number, mark_reason, mark_needs_setup_column };
constexpr int mark_column_count = mark_needs_setup_column;

/* Scans the marks of a stream table, in no order: there are few. */
SysScanDesc begin_scan(Relation table, Oid relid, ScanKeyData *key, Snapshot snapshot)
{
    return definition::begin_unordered_scan_by_oid(table, "pgt_mark_pkey", mark_relid, relid, key, snapshot);
}

struct Mark {
    MarkId id;
    bool has_reason;
    Datum reason;
    bool needs_setup;
};

Mark read_mark(Relation table, HeapTuple tuple)
{
    Datum values[mark_column_count];
    bool nulls[mark_column_count];
    heap_deform_tuple(tuple, RelationGetDescr(table), values, nulls);
    const uint64 xid = U64FromFullTransactionId(DatumGetFullTransactionId(values[mark_xid - 1]));
    return {{xid, DatumGetInt32(values[mark_number - 1])},
            !nulls[mark_reason - 1],
            values[mark_reason - 1],
            DatumGetBool(values[mark_needs_setup_column - 1])};
}

/* Whether its transaction got its xid before, or inserted it before. */
bool is_before(const MarkId &one, const MarkId &other)
{
    return one.xid != other.xid ? one.xid < other.xid : one.number < other.number;
}

/* Returns true if this subtransaction has inserted an equivalent mark, which a rollback would undo together
 * with the new one. */
bool is_marked_here(Relation table, Oid relid, bool has_reason, bool needs_setup)
{
    bool is_marked = false;
    const TransactionId here = GetCurrentTransactionId();
    ScanKeyData key;
    SysScanDesc scan = begin_scan(table, relid, &key, nullptr);
    HeapTuple tuple;
    while (!is_marked && HeapTupleIsValid(tuple = systable_getnext(scan))) {
        const Mark mark = read_mark(table, tuple);
        is_marked = HeapTupleHeaderGetRawXmin(tuple->t_data) == here && mark.has_reason == has_reason &&
                    mark.needs_setup == needs_setup;
    }
    systable_endscan(scan);
    return is_marked;
}

void insert_mark(Oid relid, const char *reason, bool needs_setup = false)
{
    static int32 next_number = 0;
    Relation table = definition::open_extension_table("pgt_mark", RowExclusiveLock);
    if (table == nullptr)
        return;
    if (!is_marked_here(table, relid, reason != nullptr, needs_setup)) {
        Datum values[mark_column_count] = {
            ObjectIdGetDatum(relid), FullTransactionIdGetDatum(GetTopFullTransactionId()), Int32GetDatum(next_number++),
            reason != nullptr ? CStringGetTextDatum(reason) : Datum{0}, BoolGetDatum(needs_setup)};
        bool nulls[mark_column_count] = {};
        nulls[mark_reason - 1] = reason == nullptr;
        CatalogTupleInsert(table, heap_form_tuple(RelationGetDescr(table), values, nulls));
    }
    table_close(table, RowExclusiveLock);
    CommandCounterIncrement();
}

/* Removes the marks for which `is_to_go` returns true. */
template <class IsToGo> int remove_where(Oid relid, IsToGo is_to_go)
{
    Relation table = definition::open_extension_table("pgt_mark", RowExclusiveLock);
    if (table == nullptr)
        return 0;
    int removed = 0;
    ScanKeyData key;
    SysScanDesc scan = begin_scan(table, relid, &key, nullptr);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan)))
        if (is_to_go(read_mark(table, tuple).id) && remove_latest(table, tuple))
            removed++;
    systable_endscan(scan);
    table_close(table, RowExclusiveLock);
    if (removed > 0)
        CommandCounterIncrement();
    return removed;
}

} // namespace

Marks marks_of(Oid relid, Snapshot snapshot)
{
    Marks marks = {};
    MarkId of_reason = {};
    Relation table = definition::open_extension_table("pgt_mark", AccessShareLock);
    if (table == nullptr)
        return marks;
    int room = 0;
    ScanKeyData key;
    SysScanDesc scan = begin_scan(table, relid, &key, snapshot);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        const Mark mark = read_mark(table, tuple);
        if (marks.count == room) {
            room = 2 * room + 8;
            const Size size = sizeof(MarkId) * room;
            marks.ids = static_cast<MarkId *>(marks.ids == nullptr ? palloc(size) : repalloc(marks.ids, size));
        }
        marks.ids[marks.count++] = mark.id;
        if (mark.has_reason && (marks.reason == nullptr || is_before(mark.id, of_reason))) {
            marks.reason = TextDatumGetCString(mark.reason);
            of_reason = mark.id;
        }
        marks.needs_setup = marks.needs_setup || mark.needs_setup;
    }
    systable_endscan(scan);
    table_close(table, AccessShareLock);
    return marks;
}

List *all_marked(Snapshot snapshot)
{
    List *relids = NIL;
    Relation table = definition::open_extension_table("pgt_mark", AccessShareLock);
    if (table == nullptr)
        return NIL;
    SysScanDesc scan = systable_beginscan(table, InvalidOid, false, snapshot, 0, nullptr);
    HeapTuple tuple;
    bool is_null;
    while (HeapTupleIsValid(tuple = systable_getnext(scan)))
        relids =
            lappend_oid(relids, DatumGetObjectId(heap_getattr(tuple, mark_relid, RelationGetDescr(table), &is_null)));
    systable_endscan(scan);
    table_close(table, AccessShareLock);
    return relids;
}

/* Processes that have compiled the stream table compile it again: constants into which a plan has folded what it called
 * depend on more than PostgreSQL invalidates plans for. */
void mark_needs_reinit(Oid relid, const char *reason)
{
    insert_mark(relid, reason);
    invalidate_if_exists(relid);
}

void await_invalidations_of_marks(Oid relid)
{
    const Marks marks = marks_of(relid, nullptr);
    const uint64 next = U64FromFullTransactionId(ReadNextFullTransactionId());
    for (int i = 0; i < marks.count; i++) {
        const uint64 xid = marks.ids[i].xid;
        const bool is_recent = next - xid < (uint64{1} << 31);
        if (is_recent && !TransactionIdIsCurrentTransactionId(static_cast<TransactionId>(xid)))
            XactLockTableWait(static_cast<TransactionId>(xid), nullptr, nullptr, XLTW_None);
    }
    if (marks.count > 0)
        AcceptInvalidationMessages();
}

void mark_needs_setup(Oid relid, const char *reason)
{
    insert_mark(relid, reason, true);
    invalidate_if_exists(relid);
}

void bump_generation(Oid relid)
{
    insert_mark(relid, nullptr);
}

int remove_marks(Oid relid, const MarkId *marks, int count)
{
    if (count == 0)
        return 0;
    return remove_where(relid, [=](MarkId id) {
        return std::any_of(marks, marks + count,
                           [=](const MarkId &seen) { return seen.xid == id.xid && seen.number == id.number; });
    });
}

void remove_marks(Oid relid)
{
    (void)remove_where(relid, [](MarkId) { return true; });
}

} // namespace pgtrickle::state
