/*
 * How old the rows of a stream table are, by the counters that its last refresh saw.
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
 *
 * All walks go from a stream table to its upstreams, under entry_lock. A time of 0 says that there is none.
 */
#include "mailbox/manager_side.hpp"
#include "mailbox/own_schedules.hpp"
#include "mailbox/shared.hpp"

#include <algorithm>

namespace pgtrickle::mailbox {

namespace {

/* Maximum number of readings that a walk visits; a stream table of a larger graph of diamonds is called dirty. */
constexpr int walk_limit = 4096;

bool is_changed(const ReadingCell &cell) noexcept
{
    return !cell.is_settled || source_slots[cell.slot].started.load() != cell.seen;
}

/* Time of the oldest change, of the source itself, in a reading that is_changed(). */
TimestampTz changed_since(const ReadingCell &cell) noexcept
{
    const TimestampTz at = cell.is_settled ? change_time_of(source_slots[cell.slot], cell.seen + 1) : 0;
    return at != 0 ? at : cell.as_of;
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
 * schedule. */
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
        oldest = older(oldest, since);
    }
    return oldest;
}

/* Time of the oldest change that `dependent` has not read there. */
TimestampTz pending_since(const ReadingCell &cell, const Entry *dependent, Depth depth, int &steps) noexcept
{
    if (is_changed(cell))
        return changed_since(cell);
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
        oldest = older(oldest, since);
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
        if (is_changed(cell)) {
            since = changed_since(cell);
        } else if (cell.stream_table != InvalidOid && !ignored.has(cell.stream_table)) {
            const Entry *upstream = find_entry(cell.stream_table);
            bool is_passed = ignored.own_only && upstream != nullptr && is_not_refreshed_for(upstream, entry);
            since = is_passed ? 0 : pending_ignoring(upstream, ignored, steps);
        }
        oldest = older(oldest, since);
    }
    return oldest;
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
        oldest = older(oldest, since);
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
    return is_changed(cells[cells[entry->first_cell].next]);
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

bool has_reading(Oid relid, bool (*matches)(uint32_t slot)) noexcept
{
    int steps = 0;
    LWLockAcquire(shared->entry_lock, LW_SHARED);
    bool is_found = has_reading(find_entry(relid), matches, steps);
    LWLockRelease(shared->entry_lock);
    return is_found;
}

bool may_lack_roles(Oid relid) noexcept
{
    if (!is_available() || has_changed_roles())
        return true;
    LWLockAcquire(shared->entry_lock, LW_SHARED);
    const Entry *entry = find_entry(relid);
    bool may_lack = entry == nullptr || !entry->has_readings;
    for (int32_t cell = may_lack ? no_cell : entry->first_cell; cell != no_cell; cell = cells[cell].next)
        may_lack |= cells[cell].slot == roles_slot() && is_changed(cells[cell]);
    LWLockRelease(shared->entry_lock);
    return may_lack;
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
