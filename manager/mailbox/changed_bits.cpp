/*
 * How a manager is notified of changed sources, without looking at all of them, and without being woken by
 * commits that add nothing to what it knows.
 *
 * The manager has a bit for each source slot. A writer whose commit is visible sets the bits of its sources,
 * and the manager's latch where a bit was not set. The manager clears a bit when it needs to be notified of
 * the next commit: while some stream table that reads the source is believed to be clean. Where all stream
 * tables that read it are dirty, queued or being refreshed, the bit stays set, and costs a writer one load.
 *
 * No change is lost. Writer and manager do the following, each in this order, and all of it is sequentially
 * consistent:
 *
 *     writer    started++ (before the commit is visible)    manager   clear the bit
 *               commit, finished++                                    look: started as at the last refresh?
 *               look at the bit; if it is 0, set it and the latch     if so, it is clean: sleep
 *
 * If the writer finds the bit set, it looked before the manager cleared it. Its started++ was then before the
 * manager's look, which finds the stream table dirty. If the writer finds 0, it sets the latch, and the
 * manager's next wake-up finds the bit: the manager looks for bits if `has_changed_bits` is set, which the writer
 * sets between the bit and the latch, and which the manager clears before it looks. The manager therefore
 * clears before it looks, looks at every stream table whose bits it cleared, and treats a stream table as
 * idle only if that look found it clean. A new manager clears all bits and looks at all stream tables: a
 * writer that did not see its process id yet had incremented `started` before.
 *
 * A latch is set at most once for each clearing: the writers of a hot source pay for one wake-up for each
 * refresh, not for each commit. A change that belongs to no source (a note lost for lack of memory) is a
 * doubt, and makes the manager check everything.
 */
#include "mailbox/manager_side.hpp"
#include "mailbox/shared.hpp"

namespace pgtrickle::mailbox {

namespace {

std::atomic<uint64_t> &word_of(const ManagerSlot *manager, uint32_t slot) noexcept
{
    return changed_bits[(manager - managers) * (shared->slot_count / 64) + slot / 64];
}

constexpr uint64_t mask_of(uint32_t slot) noexcept
{
    return uint64_t{1} << (slot % 64);
}

void notify(ManagerSlot *manager, uint32_t slot) noexcept
{
    if (manager == nullptr || manager->pid.load() == 0)
        return;
    std::atomic<uint64_t> &word = word_of(manager, slot);
    const uint64_t mask = mask_of(slot);
    if ((word.load() & mask) != 0)
        return;
    if ((word.fetch_or(mask) & mask) != 0)
        return;
    manager->has_changed_bits.store(1);
    wake_process(manager->process);
}

/* Sets the flag, also for a manager that is still to start. */
void notify(std::atomic<uint32_t> ManagerSlot::*flag) noexcept
{
    ManagerSlot *manager = find_manager(MyDatabaseId);
    if (manager == nullptr)
        return;
    (manager->*flag).store(1);
    if (manager->pid.load() != 0)
        wake_process(manager->process);
}

} // namespace

void notify_change(uint32_t slot) noexcept
{
    if (slot != roles_slot())
        return notify(find_manager(MyDatabaseId), slot);
    for (int i = 0; i < shared->manager_count; i++)
        notify(&managers[i], slot);
}

void notify_full_check() noexcept
{
    notify(&ManagerSlot::needs_full_check);
}

void notify_lack_of_schedule() noexcept
{
    notify(&ManagerSlot::lacks_schedule);
}

int slot_total() noexcept
{
    return shared->slot_count;
}

uint32_t slot_of_source(Oid source) noexcept
{
    return slot_of(MyDatabaseId, source);
}

uint32_t slot_of_database() noexcept
{
    return database_slot();
}

bool take_change_flag() noexcept
{
    std::atomic<uint32_t> &news = own_manager_slot()->has_changed_bits;
    return news.load() != 0 && news.exchange(0) != 0;
}

uint64_t changed_word(int word) noexcept
{
    return word_of(own_manager_slot(), static_cast<uint32_t>(word) * 64).load();
}

void forget_change(uint32_t slot) noexcept
{
    word_of(own_manager_slot(), slot).fetch_and(~mask_of(slot));
}

bool take_full_check() noexcept
{
    std::atomic<uint32_t> &doubt = own_manager_slot()->needs_full_check;
    return doubt.load() != 0 && doubt.exchange(0) != 0;
}

bool take_lack_of_schedule() noexcept
{
    std::atomic<uint32_t> &lack = own_manager_slot()->lacks_schedule;
    return lack.load() != 0 && lack.exchange(0) != 0;
}

uint64_t commits_of(uint32_t slot) noexcept
{
    return source_slots[slot].started.load(std::memory_order_relaxed);
}

} // namespace pgtrickle::mailbox
