/*
 * What the mailbox knows of each stream table: its state, and the counters that its last refresh saw.
 *
 * A stream table is clean if each counter that it read is unchanged, and each stream table that it reads is
 * clean itself. Its own counter is among them (a DDL command after which it must be reinitialized increments
 * it), and the database's (COMMIT PREPARED).
 *
 * dirty_since after an upstream was refreshed without its dependent: the changes that the upstream applied
 * are older than its commit, so its increment of the counter is marked with the time since when it was stale;
 * where the mark is lost, `as_of` is the bound: no base change before it is missing in what the dependent
 * read.
 *
 * The result of a time-dependent stream table may differ a moment after its refresh, and so may the results
 * of its dependents; no counter shows this. Their age is counted from that refresh, and grows while they are
 * clean.
 */
#include "mailbox/manager_side.hpp"
#include "mailbox/own_schedules.hpp"
#include "mailbox/shared.hpp"

#include <algorithm>

namespace pgtrickle::mailbox {

namespace {

/* Maximum number of readings that a walk visits; a stream table of a larger graph of diamonds is called dirty. */
constexpr int walk_limit = 4096;

void free_readings(Entry *entry) noexcept
{
    while (entry->first_cell != no_cell) {
        int32_t cell = entry->first_cell;
        entry->first_cell = cells[cell].next;
        cells[cell].next = shared->free_cell;
        shared->free_cell = cell;
    }
    entry->has_readings = false;
    entry->dirty_since.store(0);
    entry->scheduled_dirty_since.store(0);
}

void remove(Entry *entry) noexcept
{
    free_readings(entry);
    EntryKey key = entry->key;
    set_immediate(key, false);
    hash_search(entries, &key, HASH_REMOVE, nullptr);
}

template <class Visit> void visit_all(LWLockMode mode, Visit visit) noexcept
{
    LWLockAcquire(shared->entry_lock, mode);
    HASH_SEQ_STATUS scan;
    hash_seq_init(&scan, entries);
    while (auto *entry = static_cast<Entry *>(hash_seq_search(&scan)))
        visit(entry);
    LWLockRelease(shared->entry_lock);
}

bool has_failed_fill(const Entry *entry) noexcept
{
    return entry->key.database == MyDatabaseId && !entry->state.is_populated && entry->state.is_failing;
}

/* Depth of a walk: to tables, or to what the stream table's own refresh would apply. */
enum class Depth { base, scheduled };

bool is_suspended(const Entry *entry) noexcept
{
    return entry->has_state && entry->state.is_suspended;
}

/* Whether a refresh of `dependent` that is due does not refresh `upstream`, which is refreshed when its own schedule
 * requires that. */
bool is_not_refreshed_for(const Entry *upstream, const Entry *dependent) noexcept
{
    return upstream->has_own_schedule && !is_suspended(upstream) &&
           (upstream->atomic_set == InvalidOid || upstream->atomic_set != dependent->atomic_set);
}

TimestampTz pending_since(Entry *entry, Depth depth, int &steps) noexcept;

/* Time of the oldest change that a suspended upstream has not read, at any distance: nothing will refresh it by its
 * schedule. 0: there is none. */
TimestampTz pending_in_suspended(const Entry *entry, int &steps) noexcept
{
    TimestampTz oldest = 0;
    for (int32_t cell = entry->first_cell; cell != no_cell; cell = cells[cell].next) {
        if (++steps > walk_limit)
            return DT_NOBEGIN;
        Entry *upstream = cells[cell].stream_table != InvalidOid ? find_entry(cells[cell].stream_table) : nullptr;
        if (upstream == nullptr)
            continue;
        const TimestampTz since = is_suspended(upstream) ? pending_since(upstream, Depth::scheduled, steps)
                                                         : pending_in_suspended(upstream, steps);
        if (since != 0)
            oldest = oldest == 0 ? since : std::min(oldest, since);
    }
    return oldest;
}

/* Time of the oldest change that `dependent` has not read there; 0: there is none. */
TimestampTz pending_since(const ReadingCell &cell, const Entry *dependent, Depth depth, int &steps) noexcept
{
    const SourceSlot &slot = source_slots[cell.slot];
    if (!cell.is_settled)
        return cell.as_of;
    if (slot.started.load() != cell.seen) {
        TimestampTz at = change_time_of(slot, cell.seen + 1);
        return at != 0 ? at : cell.as_of;
    }
    if (cell.stream_table == InvalidOid)
        return 0;
    Entry *upstream = find_entry(cell.stream_table);
    if (upstream == nullptr)
        return DT_NOBEGIN;
    if (depth == Depth::scheduled && is_not_refreshed_for(upstream, dependent))
        return pending_in_suspended(upstream, steps);
    return pending_since(upstream, depth, steps);
}

TimestampTz pending_since(Entry *entry, Depth depth, int &steps) noexcept
{
    if (!entry->has_readings)
        return DT_NOBEGIN;
    TimestampTz oldest = 0;
    for (int32_t cell = entry->first_cell; cell != no_cell; cell = cells[cell].next) {
        if (++steps > walk_limit)
            return DT_NOBEGIN;
        TimestampTz since = pending_since(cells[cell], entry, depth, steps);
        if (since != 0)
            oldest = oldest == 0 ? since : std::min(oldest, since);
    }
    /* A change once known to be pending stays pending until the next refresh; a mark that proves it may be
     * overwritten meanwhile. */
    std::atomic<int64_t> &remembered = depth == Depth::base ? entry->dirty_since : entry->scheduled_dirty_since;
    TimestampTz known = remembered.load();
    if (oldest == 0) {
        if (known != 0)
            remembered.store(0);
        return 0;
    }
    if (known != 0)
        return known;
    if (oldest != DT_NOBEGIN)
        remembered.store(oldest);
    return oldest;
}

struct Ignored {
    const Oid *relids;
    int count;
    bool own_only;
    bool has(Oid relid) const { return std::binary_search(relids, relids + count, relid); }
};

TimestampTz pending_ignoring(const Entry *entry, const Ignored &ignored, int &steps) noexcept
{
    if (entry == nullptr || !entry->has_readings)
        return DT_NOBEGIN;
    TimestampTz oldest = 0;
    for (int32_t number = entry->first_cell; number != no_cell; number = cells[number].next) {
        const ReadingCell &cell = cells[number];
        if (++steps > walk_limit)
            return DT_NOBEGIN;
        TimestampTz since = 0;
        if (!cell.is_settled || source_slots[cell.slot].started.load() != cell.seen) {
            TimestampTz at = cell.is_settled ? change_time_of(source_slots[cell.slot], cell.seen + 1) : 0;
            since = at != 0 ? at : cell.as_of;
        } else if (cell.stream_table != InvalidOid && !ignored.has(cell.stream_table)) {
            const Entry *upstream = find_entry(cell.stream_table);
            bool is_passed = ignored.own_only && upstream != nullptr && is_not_refreshed_for(upstream, entry);
            since = is_passed ? 0 : pending_ignoring(upstream, ignored, steps);
        }
        if (since != 0)
            oldest = oldest == 0 ? since : std::min(oldest, since);
    }
    return oldest;
}

/* Returns no_cell if all cells are in use. */
int32_t take_cell() noexcept
{
    const int32_t cell = shared->free_cell;
    if (cell != no_cell)
        shared->free_cell = cells[cell].next;
    else if (shared->used_cell_count < shared->cell_count)
        return shared->used_cell_count++;
    return cell;
}

bool append_reading(int32_t **link, const SettledReading &reading, Entry *entry) noexcept
{
    const int32_t number = take_cell();
    if (number == no_cell)
        return false;
    ReadingCell &cell = cells[number];
    cell.slot = reading.slot;
    cell.stream_table = reading.stream_table;
    cell.seen = reading.seen;
    cell.is_settled = reading.is_settled;
    cell.observed_at = reading.observed_at;
    cell.as_of = reading.observed_at;
    if (reading.stream_table != InvalidOid) {
        Entry *upstream = find_entry(reading.stream_table);
        entry->is_over_time_dependent |= upstream == nullptr || upstream->is_over_time_dependent;
        cell.as_of = upstream != nullptr ? std::min(cell.as_of, upstream->as_of) : DT_NOBEGIN;
    }
    cell.next = no_cell;
    **link = number;
    *link = &cell.next;
    entry->as_of = std::min(entry->as_of, cell.as_of);
    return true;
}

TimestampTz time_dependent_since(const Entry *entry, Depth depth, int &steps) noexcept
{
    if (!entry->is_over_time_dependent)
        return 0;
    TimestampTz oldest = entry->is_time_dependent ? entry->refreshed_at : 0;
    for (int32_t cell = entry->first_cell; cell != no_cell; cell = cells[cell].next) {
        if (++steps > walk_limit)
            return DT_NOBEGIN;
        if (cells[cell].stream_table == InvalidOid)
            continue;
        const Entry *upstream = find_entry(cells[cell].stream_table);
        if (upstream != nullptr && depth == Depth::scheduled && is_not_refreshed_for(upstream, entry))
            continue;
        TimestampTz since = upstream != nullptr ? time_dependent_since(upstream, depth, steps) : DT_NOBEGIN;
        if (since != 0)
            oldest = oldest == 0 ? since : std::min(oldest, since);
    }
    return oldest;
}

void add_own_schedules(const Entry *entry, PendingUpstream *found, int most, int *count, int &steps) noexcept
{
    for (int32_t cell = entry->first_cell; cell != no_cell; cell = cells[cell].next) {
        Entry *upstream = cells[cell].stream_table != InvalidOid ? find_entry(cells[cell].stream_table) : nullptr;
        if (++steps > walk_limit || *count == most)
            return;
        if (upstream == nullptr || std::any_of(found, found + *count, [&](const PendingUpstream &known) {
                return known.relid == upstream->key.relid;
            }))
            continue;
        if (is_not_refreshed_for(upstream, entry) && !upstream->waits_for_others) {
            MailboxStatus status;
            status.scheduled_dirty_since = pending_since(upstream, Depth::scheduled, steps);
            status.scheduled_time_dependent_since = time_dependent_since(upstream, Depth::scheduled, steps);
            if (const TimestampTz since = status.scheduled_stale_since(); since != 0)
                found[(*count)++] = {upstream->key.relid, since};
        }
        add_own_schedules(upstream, found, most, count, steps);
    }
}

/* Whether a prepared transaction was committed since the last refresh: it may have changed the state without
 * a notice to the mailbox. */
bool may_have_other_state(const Entry *entry) noexcept
{
    if (!entry->has_readings)
        return false;
    const ReadingCell &cell = cells[cells[entry->first_cell].next];
    return !cell.is_settled || source_slots[cell.slot].started.load() != cell.seen;
}

bool has_reading(Entry *entry, bool (*matches)(uint32_t slot), int &steps) noexcept
{
    if (entry == nullptr || !entry->has_readings)
        return true;
    for (int32_t cell = entry->first_cell; cell != no_cell; cell = cells[cell].next) {
        if (++steps > walk_limit || matches(cells[cell].slot))
            return true;
        Oid upstream = cells[cell].stream_table;
        if (upstream != InvalidOid && has_reading(find_entry(upstream), matches, steps))
            return true;
    }
    return false;
}

} // namespace

Entry *find_or_make_entry(const EntryKey &key) noexcept
{
    bool is_found;
    auto *entry = static_cast<Entry *>(hash_search(entries, &key, HASH_ENTER_NULL, &is_found));
    if (entry != nullptr && !is_found) {
        entry->state = {};
        entry->has_state = false;
        entry->has_readings = false;
        entry->first_cell = no_cell;
        entry->is_time_dependent = false;
        entry->is_over_time_dependent = false;
        entry->is_schedule_known = false;
        entry->has_own_schedule = false;
        entry->waits_for_others = false;
        entry->process_end = ProcessEnd::none;
        entry->atomic_set = InvalidOid;
        entry->as_of = DT_NOBEGIN;
        entry->refreshed_at = DT_NOBEGIN;
        entry->dirty_since.store(0);
        entry->scheduled_dirty_since.store(0);
    }
    return entry;
}

Entry *find_entry(Oid relid) noexcept
{
    EntryKey key = {MyDatabaseId, relid};
    return static_cast<Entry *>(hash_search(entries, &key, HASH_FIND, nullptr));
}

void apply_refresh(Oid relid, const SettledReading *readings, int count, Nature nature) noexcept
{
    LWLockAcquire(shared->entry_lock, LW_EXCLUSIVE);
    Entry *entry = find_or_make_entry({MyDatabaseId, relid});
    if (entry != nullptr) {
        free_readings(entry);
        entry->as_of = entry->refreshed_at = readings[0].observed_at;
        entry->is_time_dependent = entry->is_over_time_dependent = nature.is_time_dependent;
        set_immediate(entry->key, nature.is_immediate);
        entry->has_readings = true;
        int32_t *link = &entry->first_cell;
        for (int i = 0; i < count && entry->has_readings; i++) {
            if (!append_reading(&link, readings[i], entry))
                free_readings(entry);
        }
    }
    const bool lacks_schedule = entry != nullptr && !entry->is_schedule_known;
    LWLockRelease(shared->entry_lock);
    if (lacks_schedule)
        notify_lack_of_schedule();
}

void apply_state(Oid relid, const State &state, bool only_if_absent) noexcept
{
    LWLockAcquire(shared->entry_lock, LW_EXCLUSIVE);
    Entry *entry = find_or_make_entry({MyDatabaseId, relid});
    if (entry != nullptr && !(only_if_absent && entry->has_state)) {
        entry->state = state;
        entry->has_state = true;
        if (!state.is_populated && state.grants != 0 && state.grants != grants())
            entry->state.is_failing = false;
    }
    LWLockRelease(shared->entry_lock);
}

uint64_t grants() noexcept
{
    return is_available() ? shared->grants.load() + 1 : 0;
}

void apply_grant() noexcept
{
    shared->grants.fetch_add(1);
    bool is_any = false;
    visit_all(LW_SHARED, [&](const Entry *entry) { is_any |= has_failed_fill(entry); });
    if (is_any)
        visit_all(LW_EXCLUSIVE, [](Entry *entry) { entry->state.is_failing &= !has_failed_fill(entry); });
}

void apply_forget(Oid relid) noexcept
{
    LWLockAcquire(shared->entry_lock, LW_EXCLUSIVE);
    Entry *entry = find_entry(relid);
    if (entry != nullptr)
        remove(entry);
    LWLockRelease(shared->entry_lock);
}

void forget_database(Oid database) noexcept
{
    visit_all(LW_EXCLUSIVE, [=](Entry *entry) {
        if (entry->key.database == database)
            remove(entry);
    });
}

void keep_databases(const std::vector<Oid> &databases) noexcept
{
    visit_all(LW_EXCLUSIVE, [&](Entry *entry) {
        if (std::find(databases.begin(), databases.end(), entry->key.database) == databases.end())
            remove(entry);
    });
}

bool has_reading(Oid relid, bool (*matches)(uint32_t slot)) noexcept
{
    int steps = 0;
    LWLockAcquire(shared->entry_lock, LW_SHARED);
    bool is_found = has_reading(find_entry(relid), matches, steps);
    LWLockRelease(shared->entry_lock);
    return is_found;
}

void offer_state(Oid relid, const State &state) noexcept
{
    if (is_available())
        apply_state(relid, state, true);
}

void set_effective_schedule(Oid relid, bool has_own_schedule, bool waits_for_others) noexcept
{
    if (!is_available())
        return;
    LWLockAcquire(shared->entry_lock, LW_EXCLUSIVE);
    if (Entry *entry = find_or_make_entry({MyDatabaseId, relid})) {
        entry->is_schedule_known = true;
        entry->has_own_schedule = has_own_schedule;
        entry->waits_for_others = waits_for_others;
    }
    LWLockRelease(shared->entry_lock);
}

void set_atomic_set(Oid relid, Oid atomic_set) noexcept
{
    if (!is_available())
        return;
    LWLockAcquire(shared->entry_lock, LW_EXCLUSIVE);
    if (Entry *entry = find_or_make_entry({MyDatabaseId, relid}))
        entry->atomic_set = atomic_set;
    LWLockRelease(shared->entry_lock);
}

MailboxStatus status_of(Oid relid) noexcept
{
    MailboxStatus result;
    if (!is_available())
        return result;
    LWLockAcquire(shared->entry_lock, LW_SHARED);
    Entry *entry = find_entry(relid);
    if (entry != nullptr) {
        int steps[4] = {};
        result.is_known = entry->has_state;
        result.is_state_doubtful = may_have_other_state(entry);
        result.state = entry->state;
        result.is_schedule_known = entry->is_schedule_known;
        result.waits_for_others = entry->waits_for_others;
        result.dirty_since = pending_since(entry, Depth::base, steps[0]);
        result.is_clean = result.dirty_since == 0;
        result.time_dependent_since = time_dependent_since(entry, Depth::base, steps[1]);
        /* If nothing is pending down to tables, nothing of its own is pending. */
        result.scheduled_dirty_since = result.is_clean ? 0 : pending_since(entry, Depth::scheduled, steps[2]);
        result.scheduled_time_dependent_since =
            result.time_dependent_since == 0 ? 0 : time_dependent_since(entry, Depth::scheduled, steps[3]);
    }
    LWLockRelease(shared->entry_lock);
    return result;
}

int pending_own_schedules(Oid relid, PendingUpstream *found, int most) noexcept
{
    int count = 0, steps = 0;
    if (!is_available())
        return 0;
    LWLockAcquire(shared->entry_lock, LW_SHARED);
    if (const Entry *entry = find_entry(relid))
        add_own_schedules(entry, found, most, &count, steps);
    LWLockRelease(shared->entry_lock);
    return count;
}

bool is_clean(Oid relid) noexcept
{
    return status_of(relid).is_clean;
}

bool is_current(Oid relid) noexcept
{
    return status_of(relid).is_current();
}

TimestampTz dirty_since(Oid relid) noexcept
{
    return status_of(relid).dirty_since;
}

TimestampTz dirty_since_ignoring(Oid relid, const Oid *ignored, int count, bool own_only) noexcept
{
    if (!is_available())
        return DT_NOBEGIN;
    int steps = 0;
    LWLockAcquire(shared->entry_lock, LW_SHARED);
    TimestampTz since = pending_ignoring(find_entry(relid), {ignored, count, own_only}, steps);
    LWLockRelease(shared->entry_lock);
    return since;
}

int64_t staleness_us(Oid relid, TimestampTz now) noexcept
{
    TimestampTz since = status_of(relid).stale_since();
    if (since == 0)
        return 0;
    if (since == DT_NOBEGIN)
        return INT64_MAX;
    return std::max<int64_t>(now - since, 0);
}

} // namespace pgtrickle::mailbox
