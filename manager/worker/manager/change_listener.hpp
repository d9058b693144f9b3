/*
 * Notifies a manager of changes of the sources that it waits for, and of the stream tables concerned.
 *
 * Owns which slots are listened to, and which stream tables read each slot. A slot is listened to while one
 * of the stream tables that read it, at any depth, is idle. A change of the source ends that until listen()
 * is called again: all stream tables that read it are checked, and those that are dirty are queued and need
 * no further notification. Owned by Tasks; based on the bits of mailbox/changed_bits.cpp.
 *
 * Invariant: a source that is listened to has not been written to since. Therefore only sources that were not
 * listened to all the time have to be checked for writes. C++ frames.
 */
#pragma once

#include "scheduler/graph/graph.hpp"

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace pgtrickle::worker {

class ChangeListener {
  public:
    /* `relations`: `id` itself, first, and what it reads: the relations whose changes make it dirty. */
    void set(scheduler::Id id, const scheduler::Ids &relations);
    void remove(scheduler::Id id);

    /* Listens for changes of what `id` reads; the caller must then check whether it is clean. */
    void listen(scheduler::Id id);
    /* Stream tables whose sources changed since the last call; may contain duplicates. */
    scheduler::Ids take_changed();
    /* Slots of sources that were written to since the last call. */
    std::vector<uint32_t> take_written();

  private:
    using Bits = std::vector<uint64_t>; /* one bit for each slot of the mailbox */

    static bool has(const Bits &bits, uint32_t slot) { return (bits[slot / 64] >> (slot % 64) & 1) != 0; }
    static void add(Bits &bits, uint32_t slot) { bits[slot / 64] |= uint64_t{1} << (slot % 64); }

    Bits listening_;
    Bits read_;                              /* slots of sources, and of the database */
    Bits unwatched_;                         /* not listened to all the time since take_written() */
    std::vector<uint64_t> counted_;          /* by slot: commits at the last take_written() */
    std::vector<scheduler::Ids> dependents_; /* by slot */
    std::unordered_map<scheduler::Id, std::vector<uint32_t>> slots_;
};

} // namespace pgtrickle::worker
