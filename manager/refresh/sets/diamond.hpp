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
#include "scheduler/graph/graph.hpp"

#include <map>
#include <set>
#include <vector>

namespace pgtrickle::refresh {

/* The atomic diamonds around some stream tables, those that share a member as one. */
class Diamonds {
  public:
    /* Finds those that any of these is in, by way of the ends above it. What was looked at once is not looked at again:
     * a group of many levels has as many ends as members. */
    void look_around(std::vector<Oid> relids);
    /* Those that are refreshed together with it or not at all, itself included, ascending; empty: none but itself. */
    const std::vector<Oid> &bound_to(Oid relid) const;

  private:
    void look_at_ends(const scheduler::Ids &ends);
    void bind(const std::vector<Oid> &members);

    scheduler::Graph graph_;
    std::set<Oid> seen_;
    std::vector<std::vector<Oid>> bonds_;
    std::map<Oid, size_t> bond_of_;
};

/* The members of the diamond whose end `relid` is that have other owners, and are therefore not refreshed together with it;
 * none if it does not ask for that. */
std::vector<Oid> members_of_other_owners(Oid relid);

} // namespace pgtrickle::refresh
