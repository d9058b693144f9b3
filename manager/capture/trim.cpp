/*
 * Trimming: emptying the segments of a log that no stream table needs any more.
 *
 * Writers write to one segment at a time, and refreshes read all three, in any order. When the current segment has
 * grown and another one is empty, writers are moved to that one. Once their transactions have ended, the old segment
 * has no writer, and AccessExclusive on it can be obtained without waiting. Two segments alternate beside one to which
 * a transaction has written that does not end. Under that lock
 * - no transaction has uncommitted rows in the segment, or reads it;
 * - a dependent that is being added has not committed yet, or has: its transaction holds AccessShare to its
 *   end, so in the first case the lock was refused; in the second its row is visible, because the frontiers
 *   are read after the lock;
 * so if every committed frontier includes every row, no dependent misses a row.
 *
 * TRUNCATE empties the segment for old snapshots too, and those may see older frontiers. Therefore it is
 * recorded in pgt_source when a segment was first found not to be needed, and the segment is emptied when every
 * snapshot is younger than that, provided that nothing was added since. (Frontiers advance all the time; waiting for
 * the latest one would never end.) Snapshots of standbys are not known here: they may not read a log that was emptied
 * after them.
 *
 * A log beyond its size limit is emptied at a price, in this order: first the former segments that no stream table
 * needs any more, without regard to old snapshots, which may not read the log then; writers are moved on, though the
 * current segment has not grown; and the stream tables that still need the next segment, or the one after it where that
 * cannot be emptied, are marked for a full refresh. One that keeps up has read a former segment by then, as there is a
 * pause between two looks.
 */
#include "capture/trim.hpp"
#include "capture/capture.hpp"
#include "capture/ddl/source_ddl.hpp"
#include "capture/log/log.hpp"
#include "capture/log/log_state.hpp"
#include "capture/log/segment.hpp"
#include "capture/permission.hpp"
#include "capture/source/inheritance.hpp"
#include "capture/source/routing.hpp"
#include "capture/source/source_rows.hpp"
#include "capture/triggers/trigger_setup.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/versions/heaps.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "commands/tablecmds.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

namespace pgtrickle::capture {

namespace {

/* Writers are moved to another segment when the current one is larger than this. */
constexpr BlockNumber segment_pages = 128;

/* The part of a log that a stream table still needs. */
struct Need {
    bool is_populated; /* otherwise it will start from nothing, and needs no row */
    const char *frontier;
    uint64 own_xid;
    int32 own_seq;
};

/* Reads which part of the log the stream table needs. Returns false if it has no state row. PostgreSQL
 * frame. */
bool read_need(Oid dependent, Need *need)
{
    Relation table = table_open(state::state_table(), AccessShareLock);
    const TupleDesc desc = RelationGetDescr(table);
    ScanKeyData key;
    ScanKeyInit(&key, state::relid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(dependent));
    Oid index = get_relname_relid("pgt_state_pkey", get_rel_namespace(RelationGetRelid(table)));
    /* One snapshot for state and marks: a mark may be applied meanwhile, and rows that are written after it
     * are needed. */
    Snapshot snapshot = RegisterSnapshot(GetCatalogSnapshot(RelationGetRelid(table)));
    SysScanDesc scan = systable_beginscan(table, index, true, snapshot, 1, &key);
    HeapTuple tuple = systable_getnext(scan);
    bool needs_log = false;
    if (HeapTupleIsValid(tuple)) {
        Datum values[state::column_count];
        bool nulls[state::column_count];
        heap_deform_tuple(tuple, desc, values, nulls);
        needs_log = !nulls[state::frontier - 1] && DatumGetBool(values[state::is_populated - 1]) &&
                    state::marks_of(dependent, snapshot).reason == nullptr;
        *need = {needs_log, nullptr, 0, 0};
        if (needs_log) {
            need->frontier = OidOutputFunctionCall(F_PG_SNAPSHOT_OUT, values[state::frontier - 1]);
            need->own_xid = nulls[state::own_xid - 1] ? 0 : DatumGetUInt64(values[state::own_xid - 1]);
            need->own_seq = nulls[state::own_seq - 1] ? 0 : DatumGetInt32(values[state::own_seq - 1]);
        }
    }
    systable_endscan(scan);
    UnregisterSnapshot(snapshot);
    table_close(table, AccessShareLock);
    return HeapTupleIsValid(tuple);
}

/* Whether the segment has a row that the frontier does not include. The snapshot is a new one: the segment has no
 * writer, so the snapshot sees all rows. C++ frame. */
bool has_rows_beyond(const SourceRow *source, int number, const Frontier &frontier)
{
    return call([&] {
        Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
        bool answer = has_changes_in(source, number, frontier, snapshot);
        UnregisterSnapshot(snapshot);
        return answer;
    });
}

/* Those who may need a segment that is emptied nevertheless. */
enum class GivenUp {
    none,
    snapshots,
    dependents, /* stream tables, and snapshots */
};

/* C++ frame. Stream tables that are given up are marked for a full refresh, and no longer need the segment. */
bool is_needed(Oid source, const SourceRow &row, int number, GivenUp given_up)
{
    List *dependents = call([&] { return state::log_dependents_of(source); });
    for (int i = 0; i < list_length(dependents); i++) {
        Need need = {};
        const Oid dependent = list_nth_oid(dependents, i);
        if (!call([&] { return read_need(dependent, &need); }) || !need.is_populated ||
            !has_rows_beyond(&row, number, Frontier::from_text(need.frontier, need.own_xid, need.own_seq)))
            continue;
        if (given_up != GivenUp::dependents)
            return true;
        call([&] { state::mark_needs_reinit(dependent, "the change log of a source exceeded its size limit"); });
    }
    return false;
}

/* C++ frame, which owns the frontier. */
Frontier latest_frontier()
{
    Snapshot snapshot = call([] { return RegisterSnapshot(GetLatestSnapshot()); });
    Frontier frontier = Frontier::of_snapshot(snapshot, 0);
    call([=] { UnregisterSnapshot(snapshot); });
    return frontier;
}

/* Returns the oldest xid that a snapshot of this database, or of a standby that reports its own, may not see.
 * PostgreSQL frame. */
uint64 oldest_unseen(Oid segment)
{
    Relation relation = table_open(segment, NoLock);
    const TransactionId horizon = GetOldestNonRemovableTransactionId(relation);
    table_close(relation, NoLock);
    const FullTransactionId next = ReadNextFullTransactionId();
    return U64FromFullTransactionId(next) - (XidFromFullTransactionId(next) - horizon);
}

/* Records, or forgets, that no stream table needs the segment. PostgreSQL frame. */
void set_unneeded(SourceRow *row, int number, const char *found)
{
    if (found == nullptr && row->unneeded[number] == nullptr)
        return;
    row->unneeded[number] = found;
    update_source(row, {s_unneeded});
}

/* Whether a segment that is not needed now was not needed for any snapshot that is still in use. The frontiers by which
 * it was not were committed before the recorded snapshot was taken: a snapshot that sees all xids below its xmax sees
 * them. Otherwise records it for the next look, of whichever process. C++ frame. */
bool is_unneeded_by_all_snapshots(SourceRow *row, int number)
{
    const Oid segment = row->segments[number];
    Frontier found;
    const bool is_known = row->unneeded[number] != nullptr;
    if (is_known)
        found = Frontier::from_text(row->unneeded[number], 0, 0);
    const bool is_new = !is_known || has_rows_beyond(row, number, found);
    if (is_new)
        found = latest_frontier();
    if (found.xmax <= call([=] { return oldest_unseen(segment); }))
        return true;
    if (is_new) {
        const std::string text = found.to_text();
        call([&] { set_unneeded(row, number, pstrdup(text.c_str())); });
    }
    return false;
}

/* PostgreSQL frames from here on. */

/* Keeps no lock: dropping the source locks one segment after the other, and this function may begin with
 * any. */
BlockNumber pages_of(Oid segment_oid)
{
    Relation segment = table_open(segment_oid, AccessShareLock);
    BlockNumber pages = RelationGetNumberOfBlocks(segment);
    table_close(segment, AccessShareLock);
    return pages;
}

void empty_segment(Oid segment_oid)
{
    Relation segment = table_open(segment_oid, NoLock);
    truncate_relation(segment);
    table_close(segment, NoLock);
}

/* Snapshots that are given up are those of this server. */
void note_emptied(SourceRow *row, int number, GivenUp given_up)
{
    row->unneeded[number] = nullptr;
    row->files[number] = file_of(row->segments[number]);
    row->standby_horizon = U64FromFullTransactionId(GetTopFullTransactionId());
    if (given_up != GivenUp::none)
        row->trim_horizon = row->standby_horizon;
    update_source(row, {s_files, s_horizon, s_standby_horizon, s_unneeded});
}

Oid toast_table_of(Oid relid)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
    if (!HeapTupleIsValid(tuple))
        return InvalidOid;
    const Oid toast = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->reltoastrelid;
    ReleaseSysCache(tuple);
    return toast;
}

/* As the statements that change it do; a writer must not wait meanwhile for who has locked its TOAST table alone. */
bool lock_with_toast_if_free(Oid segment)
{
    if (!ConditionalLockRelationOid(segment, AccessExclusiveLock))
        return false;
    const Oid toast = toast_table_of(segment);
    if (!OidIsValid(toast) || ConditionalLockRelationOid(toast, AccessExclusiveLock))
        return true;
    UnlockRelationOid(segment, AccessExclusiveLock);
    return false;
}

/* Tries to lock for some milliseconds without queueing, since running refreshes end soon. */
bool try_lock(Oid segment)
{
    for (int i = 0; i < 10; i++) {
        if (lock_with_toast_if_free(segment))
            return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(segment));
        pg_usleep(1000);
    }
    return false;
}

/* Returns false if REINDEX CONCURRENTLY has left an index that cannot be dropped now. */
bool drop_left_indexes_if_free(Oid segment_oid)
{
    if (left_indexes(segment_oid) == NIL)
        return true;
    if (!try_lock(segment_oid))
        return false;
    drop_indexes(left_indexes(segment_oid));
    return true;
}

/* C++ frame. Returns true if the segment was emptied, or if another attempt is worthwhile. */
bool trim_segment(Oid source, SourceRow *row, int number, GivenUp given_up)
{
    const Oid segment = row->segments[number];
    if (call([=] { return pages_of(segment); }) == 0)
        return false;
    if (!call([=] { return try_lock(segment); }))
        return true;
    if (is_needed(source, *row, number, given_up)) {
        call([&] { set_unneeded(row, number, nullptr); });
        return false;
    }
    if (is_unneeded_by_all_snapshots(row, number))
        given_up = GivenUp::none;
    else if (given_up == GivenUp::none)
        return true;
    call([&] {
        empty_segment(segment);
        note_emptied(row, number, given_up);
    });
    return true;
}

/* Returns a segment to which writers do not write any more, or not yet: of 1 to segment_count - 1, the first is usually
 * the oldest. */
int other_segment(const SourceRow &row, int distance)
{
    return (row.current_segment + distance) % segment_count;
}

/* Moves writers to a segment, if it is empty and the current one has as many pages. */
bool move_to(Oid source, SourceRow *row, int number, BlockNumber pages)
{
    if (pages_of(row->segments[row->current_segment]) < pages || pages_of(row->segments[number]) > 0)
        return false;
    row->current_segment = static_cast<int16>(number);
    update_source(row, {s_current});
    invalidate_targets(source);
    return true;
}

/* Moves writers to another segment, if the current one has grown. */
bool move_on(Oid source, SourceRow *row)
{
    for (int i = 1; i < segment_count; i++)
        if (move_to(source, row, other_segment(*row, i), segment_pages))
            return true;
    return false;
}

/* Stream tables for which the source is still recorded as captured must be refreshed to notice that it is
 * not: a stream table that was created while its capture was stopped, or for which capture is allowed again
 * by now. */
void wake_dependents(Oid source)
{
    if (state::has_log_dependents(source))
        mailbox::note_change(source);
}

/* Removes triggers and log of a source that no stream table reads, or may read. Returns false if a lock is
 * not available at once. */
bool remove_released(Oid source, SourceRow *row)
{
    ListCell *cell;
    List *levels = related_relations(source, NoLock);
    foreach (cell, levels)
        if (!ConditionalLockRelationOid(lfirst_oid(cell), AccessExclusiveLock))
            return false;
    for (Oid segment : row->segments)
        if (!lock_with_toast_if_free(segment))
            return false;
    if (!find_source(source, row) || row->is_active ||
        (state::has_log_dependents(source) && !is_capture_stopped(source)))
        return false;
    begin_own_work();
    drop_segments(row);
    remove_source(source);
    invalidate_targets(source);
    foreach (cell, levels) {
        ListCell *other;
        bool is_wanted = false;
        SourceRow other_row;
        foreach (other, related_relations(lfirst_oid(cell), NoLock))
            is_wanted = is_wanted || find_source(lfirst_oid(other), &other_row);
        if (!is_wanted)
            remove_triggers(lfirst_oid(cell));
    }
    end_own_work();
    return true;
}

/* Removes the triggers of all sources, on all their relations, under AccessExclusive. */
void remove_all_triggers()
{
    List *tables = NIL;
    ListCell *cell;
    foreach (cell, captured_sources())
        tables = list_concat_unique_oid(tables, related_relations(lfirst_oid(cell), NoLock));
    list_sort(tables, list_oid_cmp);
    foreach (cell, tables)
        LockRelationOid(lfirst_oid(cell), AccessExclusiveLock);
    foreach (cell, tables)
        remove_triggers(lfirst_oid(cell));
}

/* Whether the current segment has room and the other segments are empty. */
bool is_trimmed(const SourceRow &row)
{
    for (int i = 0; i < segment_count; i++)
        if (pages_of(row.segments[i]) >= (i == row.current_segment ? segment_pages : 1))
            return false;
    return true;
}

/* Makes room in a log that exceeds its limit although nothing is left in it that no stream table needs: in the first of
 * the other segments that can be emptied. Writers leave an empty segment for the next one alone, or they would be moved
 * to and fro beside one that cannot be. Returns true if something was moved or emptied, or another attempt is
 * worthwhile. C++ frame. */
bool make_room(Oid source, SourceRow *row)
{
    bool has_trimmed = false;
    for (int i = 1; i < segment_count; i++) {
        const int other = other_segment(*row, i);
        has_trimmed = trim_segment(source, row, other, GivenUp::dependents) || has_trimmed;
        if (call([=] { return move_to(source, row, other, i == 1 ? 0 : 1); }))
            return true;
    }
    return has_trimmed;
}

/* C++ frame. */
Trimmed trim_under_snapshot(Oid source, int64 size_limit)
{
    SourceRow row;
    if (!call([&] { return lock_capture_if_free(source); }))
        return Trimmed::held_back;
    call([&] { release(source); });
    if (!call([&] { return find_source(source, &row); })) {
        call([&] {
            if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(source)))
                remove_source(source);
        });
        return Trimmed::done;
    }
    if (!row.is_active)
        return call([&] {
            wake_dependents(source);
            return remove_released(source, &row);
        })
                   ? Trimmed::again
                   : Trimmed::held_back;
    /* Another transaction has claimed the source, or had when release() looked. */
    const bool is_unread = call([&] { return !state::has_log_dependents(source); });
    const bool has_moved = call([&] { return move_on(source, &row); });
    bool has_trimmed = has_moved, has_left = false;
    for (const Oid segment : row.segments)
        has_left = !call([=] { return drop_left_indexes_if_free(segment); }) || has_left;
    auto is_too_large = [=] { return size_limit > 0 && call([=] { return log_size(source); }) > size_limit; };
    const bool was_too_large = is_too_large();
    for (int i = 0; i < segment_count; i++)
        if (i != row.current_segment)
            has_trimmed =
                trim_segment(source, &row, i, was_too_large ? GivenUp::snapshots : GivenUp::none) || has_trimmed;
    if (was_too_large && !has_moved && is_too_large())
        has_trimmed = make_room(source, &row) || has_trimmed;
    if (has_trimmed)
        return Trimmed::again;
    return !is_unread && !has_left && call([&] { return is_trimmed(row); }) ? Trimmed::done : Trimmed::held_back;
}

} // namespace

/* Snapshots that do not see this transaction may not read the log, as after a trim() that gives them up. */
void empty_damaged(Oid source, Oid segment, const char *reason)
{
    SourceRow row;
    lock_capture(source);
    LockRelationOid(segment, AccessExclusiveLock);
    if (!find_source(source, &row))
        return;
    for (int i = 0; i < segment_count; i++) {
        if (row.segments[i] != segment)
            continue;
        empty_segment(segment);
        note_emptied(&row, i, GivenUp::dependents);
    }
    ListCell *cell;
    foreach (cell, state::log_dependents_of(source))
        state::mark_needs_reinit(lfirst_oid(cell), reason);
    mailbox::note_change(source);
}

void remove_all()
{
    begin_own_work();
    remove_all_triggers();
    ListCell *cell;
    foreach (cell, captured_sources()) {
        SourceRow row;
        const Oid source = lfirst_oid(cell);
        if (!find_source(source, &row))
            continue;
        lock_segments(&row, AccessExclusiveLock);
        drop_segments(&row);
        remove_source(source);
        if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(source)))
            invalidate_targets(source);
    }
    end_own_work();
}

Trimmed trim(Oid source, int64 size_limit)
{
    /* The extension's tables may have out-of-line values, which are written under a snapshot only. */
    const bool needs_snapshot = !HaveRegisteredOrActiveSnapshot();
    if (needs_snapshot)
        call([] { PushActiveSnapshot(GetLatestSnapshot()); });
    const Trimmed trimmed = trim_under_snapshot(source, size_limit);
    if (needs_snapshot)
        call([] { PopActiveSnapshot(); });
    return trimmed;
}

} // namespace pgtrickle::capture
