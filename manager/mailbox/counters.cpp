/*
 * The counters of a source.
 *
 * A writer increments `started` before its commit can become visible and `finished` after it has. Let a
 * refresh observe finished = started = s before it takes its snapshot. While started is still s, exactly s
 * transactions ever reached PRE_COMMIT, and all of them had ended when `finished` was read, hence they are
 * visible to the snapshot: nothing is missing. "Clean" is therefore one load and one comparison. Any
 * transaction that commits later, or whose source shares the slot by its hash, increments `started` first.
 *
 * A start of a command that then commits nothing is taken back. The number s may be given a second time; but `started`
 * is never less than the number of transactions that have reached PRE_COMMIT, so it is s, which `finished` was, only
 * while there is no other of these.
 *
 * Change times record *since when* the source is dirty: an observer asks for one, and the next increment stores its
 * number and time. A refresh that has seen s needs the time of increment s + 1; if that change_time was overwritten
 * or lost in a race, the time of the observation is an earlier bound.
 */
#include "mailbox/shared.hpp"

namespace pgtrickle::mailbox {

uint32_t slot_of(Oid database, Oid source) noexcept
{
    if (source == roles)
        database = InvalidOid; /* they are those of all databases */
    uint64_t key = (static_cast<uint64_t>(database) << 32) | source;
    key ^= key >> 33;
    key *= 0xff51afd7ed558ccdULL;
    key ^= key >> 33;
    key *= 0xc4ceb9fe1a85ec53ULL;
    key ^= key >> 33;
    return static_cast<uint32_t>(key) & (shared->slot_count - 1);
}

namespace {

void write_change_time(SourceSlot &slot, uint64_t count, TimestampTz at) noexcept
{
    ChangeTime &change_time = slot.change_times[slot.next_change_time.fetch_add(1) % change_times_per_slot];
    change_time.count.store(0);
    change_time.at.store(at);
    change_time.count.store(count);
}

} // namespace

uint64_t start(uint32_t slot_number, TimestampTz since) noexcept
{
    SourceSlot &slot = source_slots[slot_number];
    if (slot.wants_change_time.load(std::memory_order_relaxed) == 0)
        return slot.started.fetch_add(1) + 1;
    TimestampTz at = since != 0 ? since : GetCurrentTimestamp();
    uint64_t count = slot.started.fetch_add(1) + 1;
    if (slot.wants_change_time.exchange(0) != 0)
        write_change_time(slot, count, at);
    return count;
}

void finish(uint32_t slot_number) noexcept
{
    source_slots[slot_number].finished.fetch_add(1);
}

void take_back(uint32_t slot_number, uint64_t count) noexcept
{
    SourceSlot &slot = source_slots[slot_number];
    for (ChangeTime &change_time : slot.change_times) {
        uint64_t stored = count;
        (void)change_time.count.compare_exchange_strong(stored, 0);
    }
    slot.wants_change_time.store(1);
    slot.started.fetch_sub(1);
}

TimestampTz change_time_of(const SourceSlot &slot, uint64_t count) noexcept
{
    for (const ChangeTime &change_time : slot.change_times) {
        if (change_time.count.load() != count)
            continue;
        TimestampTz at = change_time.at.load();
        if (change_time.count.load() == count)
            return at;
    }
    return 0;
}

SourceCounters observe(Oid source) noexcept
{
    if (!is_available())
        return {};
    SourceSlot &slot = source_slots[slot_of(MyDatabaseId, source)];
    SourceSlot &database = source_slots[database_slot()];
    SourceCounters seen;
    seen.observed_at = GetCurrentTimestamp();
    seen.database_started = database.started.load();
    seen.database_finished = database.finished.load();
    seen.started = slot.started.load();
    seen.finished = slot.finished.load();
    slot.wants_change_time.store(1);
    database.wants_change_time.store(1);
    return seen;
}

} // namespace pgtrickle::mailbox
