/*
 * Who reads whom: the stream tables of a database and what they read.
 *
 * A node is a stream table; what it reads are other nodes or tables, both by their ids
 * (OIDs). Nodes may be added in any order: an id that is not a node is a table. The graph
 * has no cycle, if set() is called only where cycle_with() finds none.
 *
 * Owned and used by one process. Pure C++; throws bad_alloc only.
 */
#pragma once

#include <boost/intrusive/set.hpp>

#include <cstdint>
#include <list>
#include <optional>
#include <set>
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
    bool contains(Id id) const;
    size_t size() const { return nodes_.size(); }

    /* Stream tables that `id` reads, or that read it (a table too), directly or by way of
     * others; nearest first, each once, without `id`. */
    Ids upstreams(Id id) const;
    Ids downstreams(Id id) const;
    const Ids &direct_downstreams(Id id) const;
    /* What it reads directly, tables included; empty if it is no node. */
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

    /* The stream tables below `id` on ways that part at one relation and meet again in `id`.
     * Empty if id is not the end of a diamond. */
    Ids diamond_of(Id id) const;

  private:
    struct Node : boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
        Id id = 0;
        Ids sources;
        std::list<Node>::iterator place; /* its own, in nodes_ */
    };
    struct KeyOfNode {
        using type = Id;
        const Id &operator()(const Node &node) const { return node.id; }
    };
    using Index = boost::intrusive::set<Node, boost::intrusive::key_of_value<KeyOfNode>,
                                        boost::intrusive::constant_time_size<false>>;

    const Node *find(Id id) const;
    /* Everything below `id`, tables included, and id itself. */
    std::set<Id> closure(Id id) const;
    void rebuild_readers();

    std::list<Node> nodes_; /* owns them */
    Index index_;
    struct Reader {
        Id source;
        Ids readers;
    };
    std::vector<Reader> readers_; /* by source, ascending */
};

} // namespace pgtrickle::scheduler
