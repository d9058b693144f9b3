#include "worker/listening.hpp"

#include "mailbox/manager_side.hpp"

#include <algorithm>
#include <bit>

namespace pgtrickle::worker {

using scheduler::Id;
using scheduler::Ids;

void Listening::set(Id id, const Ids &relations)
{
    remove(id);
    listening_.resize(mailbox::slot_total() / 64);
    readers_.resize(mailbox::slot_total());
    std::vector<uint32_t> slots = {mailbox::slot_of_database()};
    for (Id relation : relations)
        slots.push_back(mailbox::slot_of_source(relation));
    std::sort(slots.begin(), slots.end());
    slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
    for (uint32_t slot : slots)
        readers_[slot].push_back(id);
    slots_[id] = std::move(slots);
}

void Listening::remove(Id id)
{
    auto found = slots_.find(id);
    if (found == slots_.end())
        return;
    for (uint32_t slot : found->second)
        std::erase(readers_[slot], id);
    slots_.erase(found);
}

/* A slot that is listened to already is left alone: clearing its bit would take news from others. */
void Listening::listen(Id id)
{
    for (uint32_t slot : slots_[id]) {
        if (is_listening(slot))
            continue;
        listening_[slot / 64] |= uint64_t{1} << (slot % 64);
        mailbox::forget_change(slot);
    }
}

Ids Listening::hear()
{
    Ids told;
    for (size_t word = 0; word < listening_.size(); word++) {
        if (listening_[word] == 0)
            continue;
        uint64_t news = mailbox::changed_word(static_cast<int>(word)) & listening_[word];
        listening_[word] &= ~news;
        for (; news != 0; news &= news - 1) {
            const Ids &readers = readers_[word * 64 + std::countr_zero(news)];
            told.insert(told.end(), readers.begin(), readers.end());
        }
    }
    return told;
}

uint64_t Listening::count_commits() const
{
    uint64_t count = 0;
    for (uint32_t slot = 0; slot < readers_.size(); slot++)
        if (!readers_[slot].empty())
            count += mailbox::commits_of(slot);
    return count;
}

} // namespace pgtrickle::worker
