#include "capture/ddl/repeatable_read.hpp"

#include "capture/log/chunk.hpp"
#include "capture/log/log.hpp"
#include "capture/log/log_state.hpp"
#include "capture/log/read_locks.hpp"
#include "capture/source/inheritance.hpp"
#include "capture/source/source_kind.hpp"
#include "capture/source/source_rows.hpp"
#include "definition/stream_table.hpp"
#include "pg/relation_row.hpp"
#include "pg/versions/heaps.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"
}

#include <limits>

namespace pgtrickle::capture {

OldSnapshot OldSnapshot::of(Snapshot snapshot, Snapshot latest)
{
    OldSnapshot old{snapshot, latest, Frontier::of_snapshot(snapshot, own_seq()), {}};
    old.all_but_own.xmax = std::numeric_limits<uint64_t>::max();
    if (old.seen.own_xid != 0)
        old.all_but_own.xip.push_back(old.seen.own_xid);
    return old;
}

/* PostgreSQL frames from here on, but for the last one: nothing has a destructor. */

namespace {

enum class Heap { same, other, unknown };

struct HeapSeen {
    Heap heap;
    bool is_own_row;  /* the row of pg_class is the transaction's own: it has changed the relation */
    bool is_own_file; /* it has written the rows again: also those that the snapshot does not see are its own now */
};

bool is_in_own_file(Oid relid)
{
    Relation relation = RelationIdGetRelation(relid);
    const bool answer = RelationIsValid(relation) && has_own_file(relation);
    if (RelationIsValid(relation))
        RelationClose(relation);
    return answer;
}

HeapSeen heap_seen(Oid relid, Snapshot snapshot)
{
    HeapTuple then = relation_row_seen(relid, snapshot);
    HeapTuple now = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
    HeapSeen seen = {Heap::unknown, false, false};
    if (HeapTupleIsValid(then) && HeapTupleIsValid(now)) {
        seen.heap = file_of(then) == file_of(now) ? Heap::same : Heap::other;
        seen.is_own_row = TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(then->t_data));
    }
    if (HeapTupleIsValid(now))
        ReleaseSysCache(now);
    seen.is_own_file = seen.is_own_row && is_in_own_file(relid);
    return seen;
}

/* Whether the second snapshot sees all rows of the relation that the first one sees. */
bool sees_all(Relation relation, Snapshot one, Snapshot other)
{
    TupleTableSlot *slot = table_slot_create(relation, nullptr);
    TableScanDesc scan = table_beginscan(relation, one, 0, nullptr);
    bool answer = true;
    while (answer && table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
        CHECK_FOR_INTERRUPTS();
        answer = table_tuple_satisfies_snapshot(relation, slot, other);
    }
    table_endscan(scan);
    ExecDropSingleTupleTableSlot(slot);
    return answer;
}

enum class WrittenBy { this_transaction, others };

/* Whether the snapshot shows a row that was written by this transaction, or by another one. */
bool shows_rows(Relation relation, Snapshot snapshot, WrittenBy by)
{
    TupleTableSlot *slot = table_slot_create(relation, nullptr);
    TableScanDesc scan = table_beginscan(relation, snapshot, 0, nullptr);
    bool is_found = false;
    while (!is_found && table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
        bool is_null;
        CHECK_FOR_INTERRUPTS();
        const Datum writer = slot_getsysattr(slot, MinTransactionIdAttributeNumber, &is_null);
        is_found =
            TransactionIdIsCurrentTransactionId(DatumGetTransactionId(writer)) == (by == WrittenBy::this_transaction);
    }
    table_endscan(scan);
    ExecDropSingleTupleTableSlot(slot);
    return is_found;
}

bool shows_rows_of_others(Oid relid, Snapshot snapshot)
{
    if (get_rel_relkind(relid) != RELKIND_RELATION)
        return false;
    Relation relation = table_open(relid, AccessShareLock);
    const bool answer = shows_rows(relation, snapshot, WrittenBy::others);
    table_close(relation, NoLock);
    return answer;
}

/* Whether the relation may show the snapshot other rows than before the snapshot was taken, although no marker says so.
 * The rows of a rewritten heap are all newer than the rewrite, and CLUSTER and VACUUM FULL keep what is visible. A
 * partition created since then has only rows inserted since then; rows that COPY has frozen are visible to older
 * snapshots. Unless there was a log all the time there may be no marker, so nothing is known of another heap. */
bool may_show_other_rows(Oid source, Oid relid, Heap heap, Snapshot snapshot)
{
    switch (heap) {
    case Heap::same: return false;
    case Heap::other: return !is_captured_since(source, snapshot) || !shows_rows_of_others(relid, snapshot);
    case Heap::unknown: return relid == source || shows_rows_of_others(relid, snapshot);
    }
    return true;
}

/* Whether the relations of which the tree consists show the snapshot the same rows as those of which it consisted
 * then. ATTACH and INHERIT, which wait for no reader, write no marker while the source is not captured. */
bool is_tree_seen(Oid source, const List *tree, Snapshot snapshot)
{
    if (is_captured_since(source, snapshot))
        return true;
    const List *then = tree_under(source, snapshot);
    ListCell *cell;
    foreach (cell, then)
        if (!list_member_oid(tree, lfirst_oid(cell)))
            return false;
    foreach (cell, tree)
        if (!list_member_oid(then, lfirst_oid(cell)) && shows_rows_of_others(lfirst_oid(cell), snapshot))
            return false;
    return true;
}

bool has_rows(Oid relid)
{
    const char kind = get_rel_relkind(relid);
    return kind == RELKIND_RELATION || kind == RELKIND_MATVIEW;
}

/* As sees_all(), of all relations of the list. */
bool sees_all_of(const List *relids, Snapshot one, Snapshot other)
{
    bool answer = true;
    ListCell *cell;
    foreach (cell, relids) {
        if (!answer || !has_rows(lfirst_oid(cell)))
            continue;
        Relation relation = table_open(lfirst_oid(cell), AccessShareLock);
        answer = sees_all(relation, one, other);
        table_close(relation, NoLock);
    }
    return answer;
}

bool has_same_rows(const List *tree, const OldSnapshot &old)
{
    return sees_all_of(tree, old.latest, old.snapshot) && sees_all_of(tree, old.snapshot, old.latest);
}

/* Whether the log has a row that was removed, or a marker, that `snapshot` sees and `frontier` does not include. */
bool has_logged_removals(Oid source, const Frontier &frontier, Snapshot snapshot)
{
    Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
    TupleTableSlot *slot = MakeSingleTupleTableSlot(changes_descriptor(source, nullptr, 0), &TTSOpsMinimalTuple);
    bool is_found = read_changes(source, frontier, snapshot, nullptr, 0, false, NIL, {}, rows).has_marker;
    bool is_null;
    while (!is_found && tuplestore_gettupleslot(rows, true, false, slot))
        is_found = DatumGetInt64(slot_getattr(slot, 1, &is_null)) < 0;
    ExecDropSingleTupleTableSlot(slot);
    tuplestore_end(rows);
    return is_found;
}

/* Whether the old snapshot may show rows that others have removed since. */
bool has_removed_rows(Oid source, const List *tree, const OldSnapshot &old)
{
    if (is_logged(source))
        return has_logged_removals(source, old.seen, old.latest) || is_trimmed_since(source, old.snapshot);
    return !sees_all_of(tree, old.snapshot, old.latest);
}

bool has_own_rows(Oid source, const List *tree, const OldSnapshot &old)
{
    if (is_logged(source))
        return has_changes_since(source, old.all_but_own, old.latest);
    bool is_found = false;
    ListCell *cell;
    foreach (cell, tree) {
        if (is_found || !has_rows(lfirst_oid(cell)))
            continue;
        Relation relation = table_open(lfirst_oid(cell), AccessShareLock);
        is_found = shows_rows(relation, old.snapshot, WrittenBy::this_transaction);
        table_close(relation, NoLock);
    }
    return is_found;
}

/* Whether this transaction has written rows again, and the snapshot does not see them. */
bool has_unseen_copies(Oid source, const List *copied, const OldSnapshot &old)
{
    if (is_logged(source))
        return !has_marker_of_rows(source, old.all_but_own, old.latest) &&
               has_changes_since(source, old.seen, old.latest);
    return !sees_all_of(copied, old.latest, old.snapshot);
}

/* Whether what other transactions have done to `source` agrees with its log, which has all of it. Sets `is_own_work` if
 * this transaction has changed a relation of the tree. Returns false if it has copied rows there that the snapshot does
 * not see, without a marker, which has all rows computed. */
bool is_seen_as_others_left_it(Oid source, const List *tree, const OldSnapshot &old, bool *is_own_work)
{
    if (has_marker_of_rows(source, old.seen, old.latest) || is_trimmed_since(source, old.snapshot) ||
        !is_tree_seen(source, tree, old.snapshot))
        return false;
    List *copied = NIL;
    ListCell *cell;
    foreach (cell, tree) {
        HeapSeen seen = heap_seen(lfirst_oid(cell), old.snapshot);
        if (may_show_other_rows(source, lfirst_oid(cell), seen.heap, old.snapshot))
            return false;
        *is_own_work |= seen.is_own_row;
        if (seen.is_own_file)
            copied = lappend_oid(copied, lfirst_oid(cell));
    }
    return copied == NIL || !has_unseen_copies(source, copied, old);
}

/* Whether a plan may conclude from the row of a catalog that a relation has no two rows of a certain kind, or none. */
bool is_proof(Oid catalog, HeapTuple row)
{
    switch (catalog) {
    case IndexRelationId: return reinterpret_cast<Form_pg_index>(GETSTRUCT(row))->indisunique;
    case AttributeRelationId: return reinterpret_cast<Form_pg_attribute>(GETSTRUCT(row))->attnotnull;
    default: {
        /* Since 18, the row of a NOT NULL constraint says whether it is valid. */
        const char kind = reinterpret_cast<Form_pg_constraint>(GETSTRUCT(row))->contype;
        return kind == CONSTRAINT_CHECK || kind == 'n';
    }
    }
}

bool is_newer(HeapTuple row, Snapshot snapshot)
{
    const TransactionId xid = HeapTupleHeaderGetXmin(row->t_data);
    return TransactionIdIsNormal(xid) && (TransactionIdIsCurrentTransactionId(xid) || XidInMVCCSnapshot(xid, snapshot));
}

bool has_newer_proof_in(Oid catalog, Oid index, AttrNumber column, Oid relid, Snapshot snapshot)
{
    Relation rows = table_open(catalog, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
    SysScanDesc scan = systable_beginscan(rows, index, true, nullptr, 1, &key);
    HeapTuple row;
    bool is_found = false;
    while (!is_found && HeapTupleIsValid(row = systable_getnext(scan)))
        is_found = is_proof(catalog, row) && is_newer(row, snapshot);
    systable_endscan(scan);
    table_close(rows, AccessShareLock);
    return is_found;
}

bool has_newer_proof(Oid relid, Snapshot snapshot)
{
    return has_newer_proof_in(IndexRelationId, IndexIndrelidIndexId, Anum_pg_index_indrelid, relid, snapshot) ||
           has_newer_proof_in(ConstraintRelationId, ConstraintRelidTypidNameIndexId, Anum_pg_constraint_conrelid, relid,
                              snapshot) ||
           has_newer_proof_in(AttributeRelationId, AttributeRelidNumIndexId, Anum_pg_attribute_attrelid, relid,
                              snapshot);
}

} // namespace

bool has_newer_constraint(Oid source, Oid storage, const OldSnapshot &old)
{
    if (definition::is_compared(source))
        return false;
    const List *tree = tree_of(source, NoLock);
    bool is_any_newer = OidIsValid(storage) && has_newer_proof(storage, old.snapshot);
    ListCell *cell;
    foreach (cell, tree)
        is_any_newer = is_any_newer || has_newer_proof(lfirst_oid(cell), old.snapshot);
    return is_any_newer && has_removed_rows(source, tree, old);
}

bool is_source_seen(Oid source, const OldSnapshot &old)
{
    if (definition::is_compared(source))
        return true;
    List *tree = tree_of(source, NoLock);
    bool is_own_work = false;
    /* Changes before the beginning of a log are neither in the log nor, perhaps, under the snapshot. */
    if (has_marker(source, old.seen, old.latest) || !is_seen_as_others_left_it(source, tree, old, &is_own_work))
        return false;
    is_own_work |= has_marker(source, old.all_but_own, old.latest);
    if (is_own_work)
        return !has_changes_since(source, old.seen, old.latest) && has_same_rows(tree, old);
    return !has_own_rows(source, tree, old) || !has_removed_rows(source, tree, old);
}

void lock_to_read(Oid source)
{
    LockRelationOid(source, AccessShareLock);
    (void)tree_of(source, AccessShareLock);
}

bool is_readable_now(Oid source)
{
    ListCell *cell;
    foreach (cell, list_append_unique_oid(tree_of(source, NoLock), source)) {
        LOCKTAG tag;
        SET_LOCKTAG_RELATION(tag, MyDatabaseId, lfirst_oid(cell));
        int conflicts;
        (void)GetLockConflicts(&tag, AccessShareLock, &conflicts);
        if (conflicts > 0)
            return false;
    }
    return true;
}

bool try_lock_to_read(Oid source)
{
    if (!ConditionalLockRelationOid(source, AccessShareLock))
        return false;
    ListCell *cell;
    foreach (cell, tree_of(source, NoLock))
        if (!ConditionalLockRelationOid(lfirst_oid(cell), AccessShareLock))
            return false;
    lock_to_read(source);
    return true;
}

namespace {

bool has_same_xids(const TransactionId *ones, const TransactionId *others, int count)
{
    return count == 0 || memcmp(ones, others, sizeof(TransactionId) * count) == 0;
}

/* Whether no transaction that has changed anything has ended between the two. Without recovery, the transactions that
 * run are all in xip; the subtransactions of each end with it, or have changed nothing that is visible, and a snapshot
 * with an overflow has no list of them. */
bool is_of_same_moment(Snapshot one, Snapshot other)
{
    const bool is_listed_as_sub = one->takenDuringRecovery;
    return one->xmin == other->xmin && one->xmax == other->xmax &&
           one->takenDuringRecovery == other->takenDuringRecovery &&
           (is_listed_as_sub
                ? one->suboverflowed == other->suboverflowed && one->subxcnt == other->subxcnt &&
                      has_same_xids(one->subxip, other->subxip, one->subxcnt)
                : one->xcnt == other->xcnt && has_same_xids(one->xip, other->xip, static_cast<int>(one->xcnt)));
}

} // namespace

/* C++ frame. */
bool is_seen_beside_own_work(Oid source, Snapshot snapshot)
{
    if (call([=] { return definition::is_compared(source); }))
        return true;
    Snapshot latest = call([] {
        InvalidateCatalogSnapshot();
        return RegisterSnapshot(GetCatalogSnapshot(RelationRelationId));
    });
    if (is_of_same_moment(snapshot, latest) && !TransactionIdIsValid(GetTopTransactionIdIfAny())) {
        call([=] { UnregisterSnapshot(latest); });
        return true;
    }
    const OldSnapshot old = OldSnapshot::of(snapshot, latest);
    ReadLocks locks;
    locks.lock(source);
    const bool is_seen = call([&] {
        bool is_own_work = false;
        return is_seen_as_others_left_it(source, tree_of(source, NoLock), old, &is_own_work);
    });
    call([=] { UnregisterSnapshot(latest); });
    return is_seen;
}

} // namespace pgtrickle::capture
