/*
 * The graph of the stream tables of a database and the relations that they read.
 *
 * A node is a stream table; it reads other nodes or tables, both identified by their ids (OIDs). Nodes may be
 * added in any order: an id that is not a node is a table. Definitions have no cycles (definition/cycle.hpp); if there
 * is one nevertheless, all functions end, and the levels of its members are unspecified.
 *
 * set() and remove() cost time proportional to what the node reads and to the direct dependents of these
 * relations; every other function costs at most one walk over what it reaches, except that levels cost a walk
 * over the whole graph after each change. Owned and used by one process. Pure C++; throws bad_alloc only.
 */
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

namespace pgtrickle::scheduler {

using Id = uint32_t;
using Ids = std::vector<Id>;

class Graph {
  public:
    /* Adds the stream table, or replaces the list of what it reads. */
    void set(Id stream_table, Ids sources);
    void remove(Id stream_table);
    void clear();
    bool contains(Id id) const { return nodes_.count(id) != 0; }
    size_t size() const { return nodes_.size(); }
    Ids ids() const; /* of the stream tables, ascending */

    /* Stream tables that `id` reads, or that read it (`id` may be a table), directly or through others;
     * nearest first, without duplicates and without `id`. */
    Ids upstreams(Id id) const;
    Ids downstreams(Id id) const;
    /* Stream tables that read `id` directly, ascending. Valid until the graph is changed, as is the result of
     * sources(). */
    const Ids &direct_downstreams(Id id) const;
    /* Relations that `id` reads directly, tables included, as given to set(); empty if it is not a node. */
    const Ids &sources(Id id) const;

    /* 0 for a stream table that reads only tables; otherwise one more than its highest upstream. */
    int level(Id id) const;
    /* Sorts `ids` by level, then id: each comes after its upstreams. Ids that are not nodes are removed. */
    Ids in_order(Ids ids) const;

    /* Splits `due` into the groups that one transaction refreshes together: two stream tables are in the same
     * group if and only if a chain of members of `due` connects them, each link sharing a source (at any
     * depth) or reading the other. Each group is in order; groups are sorted by their lowest id. */
    std::vector<Ids> groups(const Ids &due) const;

    /* The stream tables upstream of `id` on paths that part at one relation and meet again in `id` and not
     * before: refreshed at different times, they would show `id` two states of that relation. With owners, the paths
     * pass stream tables of the owner of `id` only. In order; empty if `id` is not the apex of a diamond. */
    Ids diamond_of(Id id, const std::function<Id(Id)> &owner_of = {}) const;

  private:
    using Neighbours = std::unordered_map<Id, Ids>;

    const std::unordered_map<Id, int> &levels() const;
    void forget_levels();

    Neighbours nodes_;      /* relations read by each stream table */
    Neighbours dependents_; /* stream tables that read each relation, ascending; no list is empty */
    mutable std::unordered_map<Id, int> levels_; /* of all nodes, if not empty */
};

} // namespace pgtrickle::scheduler
