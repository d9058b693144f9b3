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

/* A question of a walk about a stream table. */
enum class Part : uint8_t { pending, pending_in_suspended, time_dependent, own_schedules, reading };

/* A walk. It keeps its answers, for the paths that lead to one stream table may be too many to follow them all. */
class Walk {
  public:
    /* To be called at each reading. Returns false at the limit: a stream table above so many is called dirty. */
    bool may_go_on() noexcept { return ++steps_ <= most_readings; }

    const TimestampTz *known(const Entry *entry, Part part) const noexcept
    {
        const Found &found = place_of(entry, part);
        return found.walk == number_ && found.relid == entry->key.relid && found.part == part ? &found.since : nullptr;
    }
    TimestampTz keep(const Entry *entry, Part part, TimestampTz since) const noexcept
    {
        place_of(entry, part) = {number_, entry->key.relid, part, since};
        return since;
    }

  private:
    struct Found {
        uint64_t walk;
        Oid relid;
        Part part;
        TimestampTz since;
    };

    /* Another stream table may take the place, which costs time only. */
    static Found &place_of(const Entry *entry, Part part) noexcept
    {
        constexpr int parts = 8, bits = 10;
        static Found places[1 << bits];
        return places[(entry->key.relid * parts + static_cast<uint32_t>(part)) * 0x9E3779B1U >> (32 - bits)];
    }

    static constexpr int most_readings = 4096;
    static inline uint64_t last_number_ = 0;

    uint64_t number_ = ++last_number_;
    int steps_ = 0;
};

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

TimestampTz pending_since(Entry *entry, Depth depth, Walk &walk) noexcept;

/* Time of the oldest change that a suspended upstream has not read, at any distance: nothing will refresh it by its
 * schedule. */
TimestampTz pending_in_suspended(const Entry *entry, Walk &walk) noexcept
{
    if (const TimestampTz *known = walk.known(entry, Part::pending_in_suspended))
        return *known;
    TimestampTz oldest = 0;
    for (int32_t cell = entry->first_cell; cell != no_cell; cell = cells[cell].next) {
        if (!walk.may_go_on())
            return DT_NOBEGIN;
        Entry *upstream = cells[cell].stream_table != InvalidOid ? find_entry(cells[cell].stream_table) : nullptr;
        if (upstream == nullptr)
            continue;
        const TimestampTz since = is_suspended(upstream) ? pending_since(upstream, Depth::scheduled, walk)
                                                         : pending_in_suspended(upstream, walk);
        oldest = older(oldest, since);
    }
    return walk.keep(entry, Part::pending_in_suspended, oldest);
}

/* Time of the oldest change that `dependent` has not read there. */
TimestampTz pending_since(const ReadingCell &cell, const Entry *dependent, Depth depth, Walk &walk) noexcept
{
    if (is_changed(cell))
        return changed_since(cell);
    if (cell.stream_table == InvalidOid)
        return 0;
    Entry *upstream = find_entry(cell.stream_table);
    if (upstream == nullptr)
        return DT_NOBEGIN;
    if (depth == Depth::scheduled && is_not_refreshed_for(upstream, dependent))
        return pending_in_suspended(upstream, walk);
    return pending_since(upstream, depth, walk);
}

TimestampTz pending_since(Entry *entry, Depth depth, Walk &walk) noexcept
{
    if (!entry->has_readings)
        return DT_NOBEGIN;
    if (const TimestampTz *found = walk.known(entry, Part::pending))
        return *found;
    TimestampTz oldest = 0;
    for (int32_t cell = entry->first_cell; cell != no_cell; cell = cells[cell].next) {
        if (!walk.may_go_on())
            return DT_NOBEGIN;
        TimestampTz since = pending_since(cells[cell], entry, depth, walk);
        oldest = older(oldest, since);
    }
    /* A change once known to be pending stays pending until the next refresh; a mark that proves it may be
     * overwritten meanwhile. */
    std::atomic<int64_t> &remembered = depth == Depth::base ? entry->dirty_since : entry->scheduled_dirty_since;
    TimestampTz known = remembered.load();
    if (oldest == 0) {
        if (known != 0)
            remembered.store(0);
    } else if (known != 0) {
        oldest = known;
    } else if (oldest != DT_NOBEGIN) {
        remembered.store(oldest);
    }
    return walk.keep(entry, Part::pending, oldest);
}

struct Ignored {
    const Oid *relids;
    int count;
    bool own_only;
    bool has(Oid relid) const { return std::binary_search(relids, relids + count, relid); }
};

TimestampTz pending_ignoring(const Entry *entry, const Ignored &ignored, Walk &walk) noexcept
{
    if (entry == nullptr || !entry->has_readings)
        return DT_NOBEGIN;
    if (const TimestampTz *known = walk.known(entry, Part::pending))
        return *known;
    TimestampTz oldest = 0;
    for (int32_t number = entry->first_cell; number != no_cell; number = cells[number].next) {
        const ReadingCell &cell = cells[number];
        if (!walk.may_go_on())
            return DT_NOBEGIN;
        TimestampTz since = 0;
        if (is_changed(cell)) {
            since = changed_since(cell);
        } else if (cell.stream_table != InvalidOid && !ignored.has(cell.stream_table)) {
            const Entry *upstream = find_entry(cell.stream_table);
            bool is_passed = ignored.own_only && upstream != nullptr && is_not_refreshed_for(upstream, entry);
            since = is_passed ? 0 : pending_ignoring(upstream, ignored, walk);
        }
        oldest = older(oldest, since);
    }
    return walk.keep(entry, Part::pending, oldest);
}

TimestampTz time_dependent_since(const Entry *entry, Depth depth, Walk &walk) noexcept
{
    if (!entry->is_over_time_dependent)
        return 0;
    if (const TimestampTz *known = walk.known(entry, Part::time_dependent))
        return *known;
    TimestampTz oldest = entry->is_time_dependent ? entry->refreshed_at : 0;
    for (int32_t cell = entry->first_cell; cell != no_cell; cell = cells[cell].next) {
        if (!walk.may_go_on())
            return DT_NOBEGIN;
        if (cells[cell].stream_table == InvalidOid)
            continue;
        const Entry *upstream = find_entry(cells[cell].stream_table);
        if (upstream != nullptr && depth == Depth::scheduled && is_not_refreshed_for(upstream, entry))
            continue;
        TimestampTz since = upstream != nullptr ? time_dependent_since(upstream, depth, walk) : DT_NOBEGIN;
        oldest = older(oldest, since);
    }
    return walk.keep(entry, Part::time_dependent, oldest);
}

void add_own_schedules(const Entry *entry, PendingUpstream *found, int most, int *count, Walk &walk) noexcept
{
    if (walk.known(entry, Part::own_schedules) != nullptr)
        return;
    walk.keep(entry, Part::own_schedules, 0);
    for (int32_t cell = entry->first_cell; cell != no_cell; cell = cells[cell].next) {
        Entry *upstream = cells[cell].stream_table != InvalidOid ? find_entry(cells[cell].stream_table) : nullptr;
        if (!walk.may_go_on() || *count == most)
            return;
        if (upstream == nullptr || std::any_of(found, found + *count, [&](const PendingUpstream &known) {
                return known.relid == upstream->key.relid;
            }))
            continue;
        if (is_not_refreshed_for(upstream, entry) && !upstream->waits_for_others) {
            MailboxStatus status;
            status.scheduled_dirty_since = pending_since(upstream, Depth::scheduled, walk);
            status.scheduled_time_dependent_since = time_dependent_since(upstream, Depth::scheduled, walk);
            if (const TimestampTz since = status.scheduled_stale_since(); since != 0)
                found[(*count)++] = {upstream->key.relid, since};
        }
        add_own_schedules(upstream, found, most, count, walk);
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

bool has_reading(const Entry *entry, bool (*matches)(uint32_t slot), Walk &walk) noexcept
{
    if (entry == nullptr || !entry->has_readings)
        return true;
    if (walk.known(entry, Part::reading) != nullptr)
        return false;
    for (int32_t cell = entry->first_cell; cell != no_cell; cell = cells[cell].next) {
        if (!walk.may_go_on() || matches(cells[cell].slot))
            return true;
        Oid upstream = cells[cell].stream_table;
        if (upstream != InvalidOid && has_reading(find_entry(upstream), matches, walk))
            return true;
    }
    walk.keep(entry, Part::reading, 0);
    return false;
}

} // namespace

bool has_reading(Oid relid, bool (*matches)(uint32_t slot)) noexcept
{
    Walk walk;
    LWLockAcquire(shared->entry_lock, LW_SHARED);
    bool is_found = has_reading(find_entry(relid), matches, walk);
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
        Walk walks[4];
        result.is_known = entry->has_state;
        result.is_state_doubtful = may_have_other_state(entry);
        result.state = entry->state;
        result.is_schedule_known = entry->is_schedule_known;
        result.waits_for_others = entry->waits_for_others;
        result.dirty_since = pending_since(entry, Depth::base, walks[0]);
        result.is_clean = result.dirty_since == 0;
        result.time_dependent_since = time_dependent_since(entry, Depth::base, walks[1]);
        /* If nothing is pending down to tables, nothing of its own is pending. */
        result.scheduled_dirty_since = result.is_clean ? 0 : pending_since(entry, Depth::scheduled, walks[2]);
        result.scheduled_time_dependent_since =
            result.time_dependent_since == 0 ? 0 : time_dependent_since(entry, Depth::scheduled, walks[3]);
    }
    LWLockRelease(shared->entry_lock);
    return result;
}

int pending_own_schedules(Oid relid, PendingUpstream *found, int most) noexcept
{
    int count = 0;
    Walk walk;
    if (!is_available())
        return 0;
    LWLockAcquire(shared->entry_lock, LW_SHARED);
    if (const Entry *entry = find_entry(relid))
        add_own_schedules(entry, found, most, &count, walk);
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
    Walk walk;
    LWLockAcquire(shared->entry_lock, LW_SHARED);
    TimestampTz since = pending_ignoring(find_entry(relid), {ignored, count, own_only}, walk);
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
