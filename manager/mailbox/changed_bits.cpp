/*
 * How a manager learns which sources have changed, without looking at all of them, and
 * without being woken by commits that tell it nothing new.
 *
 * For each source slot it has a bit. A writer whose commit is visible sets the bits of its sources, and the
 * manager's latch where a bit was not set. The manager clears a bit when it wants to hear of the next
 * commit: while somebody who reads the source is thought to be clean. Where all who read it are dirty, queued, or being
 * refreshed, the bit stays set, and writers pass it by with one load.
 *
 * No change is lost. Writer and manager do, each in this order and all of it sequentially consistent:
 *
 *     writer    started++ (before the commit is visible)      manager   clear the bit
 *               commit, finished++                                      look: started = what the last refresh saw?
 *               look at the bit; if it is 0, set it and the latch       if so, it is clean: sleep
 *
 * If the writer finds the bit set, it looked before the manager cleared it, so its started++ was before the
 * manager's look, which finds the stream table dirty. If it finds 0, it sets the latch, and the manager's next
 * wake-up finds the bit: it looks for bits where `has_news` is set, which the writer sets between the two, and the manager
 * clears before it looks. So the manager clears before it looks, looks at every one whose bits it cleared, and lets
 * a stream table be idle only if that look called it clean. A new manager clears and looks at all: a writer that did
 * not see its process id yet had started++ before.
 *
 * A latch is set at most once a clearing: the writers of a hot source pay for a wake-up once a refresh, not once
 * a commit. What is not a change of a source (a lost note, for lack of memory) is a doubt: look at everything.
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

} // namespace

void log_change(uint32_t slot) noexcept
{
    ManagerSlot *manager = find_manager(MyDatabaseId);
    if (manager == nullptr || manager->pid.load() == 0)
        return;
    std::atomic<uint64_t> &word = word_of(manager, slot);
    const uint64_t mask = mask_of(slot);
    if ((word.load() & mask) != 0)
        return;
    if ((word.fetch_or(mask) & mask) != 0)
        return;
    manager->has_news.store(1);
    wake_process(manager->process);
}

void log_full_check() noexcept
{
    ManagerSlot *manager = find_manager(MyDatabaseId);
    if (manager == nullptr)
        return;
    manager->needs_full_check.store(1);
    if (manager->pid.load() != 0)
        wake_process(manager->process);
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

bool take_news() noexcept
{
    std::atomic<uint32_t> &news = own_manager_slot()->has_news;
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

uint64_t commits_of(uint32_t slot) noexcept
{
    return source_slots[slot].started.load(std::memory_order_relaxed);
}

} // namespace pgtrickle::mailbox
