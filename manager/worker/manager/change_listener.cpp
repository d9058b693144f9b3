#include "worker/manager/change_listener.hpp"

#include "mailbox/manager_side.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace pgtrickle::worker {

using scheduler::Id;
using scheduler::Ids;

void ChangeListener::set(Id id, const Ids &relations)
{
    remove(id);
    for (Bits *bits : {&listening_, &read_, &unwatched_})
        bits->resize(mailbox::slot_total() / 64);
    counted_.resize(mailbox::slot_total());
    dependents_.resize(mailbox::slot_total());
    std::vector<uint32_t> slots = {mailbox::slot_of_database(), mailbox::slot_of_source(mailbox::roles)};
    for (Id relation : relations)
        if (relation != id)
            slots.push_back(mailbox::slot_of_source(relation));
    for (uint32_t slot : slots)
        add(read_, slot);
    slots.push_back(mailbox::slot_of_source(id));
    std::sort(slots.begin(), slots.end());
    slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
    for (uint32_t slot : slots)
        dependents_[slot].push_back(id);
    slots_[id] = std::move(slots);
}

void ChangeListener::remove(Id id)
{
    auto found = slots_.find(id);
    if (found == slots_.end())
        return;
    for (uint32_t slot : found->second)
        std::erase(dependents_[slot], id);
    slots_.erase(found);
}

/* A slot that is listened to already is not changed: clearing its bit would lose changes for other stream
 * tables. */
void ChangeListener::listen(Id id)
{
    for (uint32_t slot : slots_[id]) {
        if (has(listening_, slot))
            continue;
        add(listening_, slot);
        add(unwatched_, slot);
        mailbox::forget_change(slot);
    }
}

Ids ChangeListener::take_changed()
{
    Ids changed;
    if (!mailbox::take_change_flag())
        return changed;
    for (size_t word = 0; word < listening_.size(); word++) {
        if (listening_[word] == 0)
            continue;
        uint64_t bits = mailbox::changed_word(static_cast<int>(word)) & listening_[word];
        listening_[word] &= ~bits;
        unwatched_[word] |= bits;
        for (; bits != 0; bits &= bits - 1) {
            const Ids &dependents = dependents_[word * 64 + std::countr_zero(bits)];
            changed.insert(changed.end(), dependents.begin(), dependents.end());
        }
    }
    return changed;
}

std::vector<uint32_t> ChangeListener::take_written()
{
    std::vector<uint32_t> written;
    for (size_t word = 0; word < read_.size(); word++) {
        uint64_t doubtful = read_[word] & (unwatched_[word] | ~listening_[word]);
        unwatched_[word] = 0;
        for (; doubtful != 0; doubtful &= doubtful - 1) {
            uint32_t slot = static_cast<uint32_t>(word * 64 + std::countr_zero(doubtful));
            uint64_t count = mailbox::commits_of(slot);
            if (std::exchange(counted_[slot], count) != count)
                written.push_back(slot);
        }
    }
    return written;
}

} // namespace pgtrickle::worker
