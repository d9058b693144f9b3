/*
 * Which sources' changes a manager waits for, and which stream tables they concern.
 *
 * Owns which slots are listened to, and which stream tables read each slot. A slot is listened to while one of the stream tables
 * that read it, at any depth, is idle. A change of it ends that until listen() is called again: all that read it are looked at,
 * and those that are dirty are queued and need no more news. Owned by Tasks; over the bits of mailbox/changed_bits.cpp.
 *
 * Invariant: a source that is listened to was not written to since: so only those that were not listened to all the
 * time have to be asked whether they were. C++ frames.
 */
#pragma once

#include "scheduler/graph/graph.hpp"

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace pgtrickle::worker {

class ChangeListener {
  public:
    /* What `id` reads, and `id` first: relations whose changes make it dirty. */
    void set(scheduler::Id id, const scheduler::Ids &relations);
    void remove(scheduler::Id id);

    /* From now on changes of what `id` reads are heard; look then whether it is clean. */
    void listen(scheduler::Id id);
    /* Stream tables whose sources changed since the last call; may contain duplicates. */
    scheduler::Ids take_changed();
    /* The slots of sources that were written to since the last call. */
    std::vector<uint32_t> take_written();

  private:
    using Bits = std::vector<uint64_t>; /* as many as the mailbox has slots */

    static bool has(const Bits &bits, uint32_t slot) { return (bits[slot / 64] >> (slot % 64) & 1) != 0; }
    static void add(Bits &bits, uint32_t slot) { bits[slot / 64] |= uint64_t{1} << (slot % 64); }

    Bits listening_;
    Bits read_;                                      /* of relations that are sources, and of the database */
    Bits stirred_;                                   /* not listened to all the time since take_written() */
    std::vector<uint64_t> counted_;                  /* by slot: the commits that take_written() has counted */
    std::vector<scheduler::Ids> readers_;            /* by slot */
    std::unordered_map<scheduler::Id, std::vector<uint32_t>> slots_;
};

} // namespace pgtrickle::worker
