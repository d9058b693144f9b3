/*
 * Diamonds: a stream table that reads one source by two ways.
 *
 *          base
 *         /    \
 *        a      b        a and b are siblings: d joins what they say of the same base
 *         \    /
 *           d
 *
 * Where d asks for it (diamond_consistency 'atomic'), the three are refreshed together or not at all, so that
 * a query that reads some of them never sees two states of the base. That holds for those that have d's owner: a definition does
 * not decide when other owners' stream tables are refreshed. What a diamond is, the scheduler's graph says.
 * C++ frames; they throw PgError.
 */
#pragma once

#include "pg/boundary.hpp"
#include "scheduler/graph/atomic_sets.hpp"

#include <set>
#include <vector>

namespace pgtrickle::refresh {

/* The atomic sets around some stream tables, as the catalogs have them. */
class Diamonds {
  public:
    /* Finds those that any of these is in, by way of the ends downstream. A stream table is looked at once: a group of many
     * levels has as many ends as members. */
    void look_around(std::vector<Oid> relids);
    const scheduler::AtomicSets &atomic_sets() const { return atomic_sets_; }

  private:
    void look_at_ends(const scheduler::Ids &ends);

    scheduler::Graph graph_;
    std::set<Oid> seen_;
    scheduler::AtomicSets atomic_sets_;
};

/* The members of the diamond whose end `relid` is that have other owners, and are therefore not refreshed together with it;
 * none if it does not ask for that. */
std::vector<Oid> members_of_other_owners(Oid relid);

} // namespace pgtrickle::refresh
