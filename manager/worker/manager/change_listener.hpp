/*
 * Whose sources a manager wants to hear of, and whom news are about.
 *
 * A slot is listened to while one of the stream tables that read it, at any depth, is idle. News of it
 * end that until listen() is called again: all who read it are looked at, and those that are dirty are
 * queued and need no more news. Process-local; over the bits of mailbox/news.cpp.
 *
 * A source that is listened to was not written to since: so of what was written to only those need to be asked that were
 * not listened to all the time.
 */
#pragma once

#include "scheduler/graph/graph.hpp"

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace pgtrickle::worker {

class Listening {
  public:
    /* What `id` reads, and `id` first: relations whose changes make it dirty. */
    void set(scheduler::Id id, const scheduler::Ids &relations);
    void remove(scheduler::Id id);

    /* From now on news about what `id` reads is heard; then look whether it is clean. */
    void listen(scheduler::Id id);
    /* Whom the news since the last call are about, each once or more often. */
    scheduler::Ids hear();
    /* The slots of what anybody reads and somebody has written to since the last call. */
    std::vector<uint32_t> take_written();

  private:
    using Bits = std::vector<uint64_t>; /* as many as the mailbox has slots */

    static bool has(const Bits &bits, uint32_t slot) { return (bits[slot / 64] >> (slot % 64) & 1) != 0; }
    static void add(Bits &bits, uint32_t slot) { bits[slot / 64] |= uint64_t{1} << (slot % 64); }

    Bits listening_;
    Bits read_;                                      /* of relations that are sources, and of the database */
    Bits stirred_;                                   /* not listened to all the time since take_written() */
    std::vector<uint64_t> counted_;                  /* by slot: the commits that take_written() has told of */
    std::vector<scheduler::Ids> readers_;            /* by slot */
    std::unordered_map<scheduler::Id, std::vector<uint32_t>> slots_;
};

} // namespace pgtrickle::worker
