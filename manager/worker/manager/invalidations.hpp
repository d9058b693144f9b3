/*
 * Which relations have been altered, as the relcache tells: of a stream table, its options or its name.
 *
 * One list a process. The relcache's callback writes it; whoever takes it, in a transaction and with the relation
 * locked, reads what is current.
 */
#pragma once

#include "pg/boundary.hpp"

#include <unordered_set>

namespace pgtrickle::worker {

struct Invalidated {
    bool is_all = false; /* there were too many to remember, or a schema was altered */
    std::unordered_set<Oid> relids;
    bool contains(Oid relid) const { return is_all || relids.count(relid) != 0; }
};

/* Once a process. A PostgreSQL frame. */
void watch_invalidations();
/* Since the last call. */
Invalidated take_invalidated();

} // namespace pgtrickle::worker
