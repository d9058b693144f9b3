/*
 * Diamonds: stream tables that read one source in two ways.
 *
 *          base
 *         /    \
 *        a      b        a and b are siblings: d joins results of both, derived from the same base
 *         \    /
 *           d
 *
 * If d requests it (diamond_consistency 'atomic'), the three are refreshed together or not at all, so that a
 * query that reads some of them never sees two states of the base. This applies to the stream tables of d's
 * owner only: a definition does not decide when other owners' stream tables are refreshed. The scheduler's
 * graph defines which stream tables form a diamond. C++ frames; they throw PgError.
 */
#pragma once

#include "pg/boundary.hpp"
#include "scheduler/graph/atomic_sets.hpp"

#include <set>
#include <vector>

namespace pgtrickle::refresh {

/* Adds stream table `relid` and all its upstreams to the graph. */
void add_upstreams(Oid relid, scheduler::Graph &graph);

/* The atomic sets around some stream tables, according to the catalogs. */
class Diamonds {
  public:
    /* Finds the sets to which any of these stream tables belongs, by way of the apexes downstream. Each
     * stream table is visited once: a group of many levels has as many apexes as members. */
    void read_sets_around(std::vector<Oid> relids);
    const scheduler::AtomicSets &atomic_sets() const { return atomic_sets_; }

  private:
    void look_at_ends(const scheduler::Ids &ends);

    scheduler::Graph graph_;
    std::set<Oid> seen_;
    scheduler::AtomicSets atomic_sets_;
};

/* Returns the members of the diamond with apex `relid` that have other owners, and are therefore not
 * refreshed together with it; none if `relid` does not request an atomic diamond. */
std::vector<Oid> members_of_other_owners(Oid relid);

} // namespace pgtrickle::refresh
