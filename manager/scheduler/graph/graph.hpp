/*
 * Who reads whom: the stream tables of a database and what they read.
 *
 * A node is a stream table; what it reads are other nodes or tables, both by their ids
 * (OIDs). Nodes may be added in any order: an id that is not a node is a table. The graph
 * has no cycle, if set() is called only where cycle_with() finds none; if there is one all the same,
 * everything ends, and the members of the cycle are of some level.
 *
 * set() and remove() cost what the node reads, and what reads that; every question costs at most one walk
 * over what it reaches, levels one over the whole graph after each change of it.
 * Owned and used by one process. Pure C++; throws bad_alloc only.
 */
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace pgtrickle::scheduler {

using Id = uint32_t;
using Ids = std::vector<Id>;

class Graph {
  public:
    /* Adds the stream table, or replaces what it reads. */
    void set(Id stream_table, Ids sources);
    void remove(Id stream_table);
    void clear();
    bool contains(Id id) const { return nodes_.count(id) != 0; }
    size_t size() const { return nodes_.size(); }
    Ids ids() const; /* of the stream tables, ascending */

    /* Stream tables that `id` reads, or that read it (a table too), directly or by way of
     * others; nearest first, each once, without `id`. */
    Ids upstreams(Id id) const;
    Ids downstreams(Id id) const;
    /* Ascending. Good until the graph is changed, as is the next one. */
    const Ids &direct_downstreams(Id id) const;
    /* What it reads directly, tables included, as given to set(); empty if it is no node. */
    const Ids &sources(Id id) const;

    /* 0 for one that reads only tables, else one more than its highest upstream. */
    int level(Id id) const;
    /* By level, then id: each comes after what it reads. Ids that are no nodes are left out. */
    Ids in_order(Ids ids) const;

    /* The cycle that would be if `stream_table` read `sources`: a path on which each reads the
     * next, from stream_table back to itself; or nothing. */
    std::optional<Ids> cycle_with(Id stream_table, const Ids &sources) const;

    /* What one transaction refreshes together: `due` split so that two of them are in the same
     * group iff a chain of them connects the two, each link sharing a source (at any depth) or
     * reading the other. Each group is in order; groups by their first id. */
    std::vector<Ids> groups(const Ids &due) const;

    /* The stream tables below `id` on ways that part at one relation and meet again in `id` and not before:
     * refreshed at different times, they would show `id` two states of that relation. In order; empty if id is not
     * the end of a diamond. */
    Ids diamond_of(Id id) const;

  private:
    using Neighbours = std::unordered_map<Id, Ids>;

    const std::unordered_map<Id, int> &levels() const;
    void forget_levels();

    Neighbours nodes_;   /* what each stream table reads */
    Neighbours readers_; /* who reads each relation, ascending; none is empty */
    mutable std::unordered_map<Id, int> levels_; /* of all nodes, if not empty */
};

} // namespace pgtrickle::scheduler
