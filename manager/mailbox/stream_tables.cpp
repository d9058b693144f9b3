/*
 * What the mailbox knows of each stream table: its state, and the counters that its last refresh saw. The first reading
 * is that of its own counter, and the second that of the database's.
 */
#include "mailbox/manager_side.hpp"
#include "mailbox/shared.hpp"

#include <algorithm>

namespace pgtrickle::mailbox {

namespace {

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
        entry->move_ended_at = DT_NOBEGIN;
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

std::vector<Oid> known_stream_tables() noexcept
{
    std::vector<Oid> known;
    visit_all(LW_SHARED, [&](const Entry *entry) {
        try {
            if (entry->key.database == MyDatabaseId)
                known.push_back(entry->key.relid);
        } catch (const std::bad_alloc &) { /* NOLINT(bugprone-empty-catch): the next look finds it */
        }
    });
    return known;
}

void forget_at_once(Oid relid) noexcept
{
    apply_forget(relid);
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

} // namespace pgtrickle::mailbox
