/*
 * Whose sources a manager wants to hear of, and whom news are about.
 *
 * A slot is listened to while one of the stream tables that read it, at any depth, is idle. News of it
 * end that until listen() is called again: all who read it are looked at, and those that are dirty are
 * queued and need no more news. Process-local; over the bits of mailbox/news.cpp.
 */
#pragma once

#include "scheduler/graph.hpp"

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace pgtrickle::worker {

class Listening {
  public:
    /* What `id` reads, itself included: relations whose changes make it dirty. */
    void set(scheduler::Id id, const scheduler::Ids &relations);
    void remove(scheduler::Id id);

    /* From now on news about what `id` reads is heard; then look whether it is clean. */
    void listen(scheduler::Id id);
    /* Whom the news since the last call are about, each once or more often. */
    scheduler::Ids hear();
    /* Of all that is read by anybody, as of now. */
    uint64_t count_commits() const;

  private:
    bool is_listening(uint32_t slot) const { return (listening_[slot / 64] >> (slot % 64) & 1) != 0; }

    std::vector<uint64_t> listening_;                /* bits; as many as the mailbox has slots */
    std::vector<scheduler::Ids> readers_;            /* by slot */
    std::unordered_map<scheduler::Id, std::vector<uint32_t>> slots_;
};

} // namespace pgtrickle::worker
