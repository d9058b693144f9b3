/*
 * Which relations have been altered according to the relcache: stream tables whose options or names may have
 * changed.
 *
 * One list for the process. The relcache callback adds to it. A caller that takes the list in a transaction
 * and then locks a relation reads its current definition.
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

/* Registers the callbacks; called once in a process. A PostgreSQL frame. */
void watch_invalidations();
/* Returns the relations altered since the last call. */
Invalidated take_invalidated();

} // namespace pgtrickle::worker
