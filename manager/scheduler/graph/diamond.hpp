/*
 * The diamonds of a graph, one apex after the other: what Graph::diamond_of() says, for many.
 *
 * The graph is numbered once; a diamond costs one walk over what lies below its apex then, some nanoseconds a step.
 * It keeps no reference to the graph. Pure C++; throws bad_alloc only.
 */
#pragma once

#include "scheduler/graph/graph.hpp"

#include <unordered_map>

namespace pgtrickle::scheduler {

class DiamondSearch {
  public:
    /* `ids`: all that the apexes to come reach, themselves included. */
    DiamondSearch(const Graph &graph, const Ids &ids);

    /* In order. Empty, too, for one that is not among `ids`. */
    Ids of(Id apex);

  protected:
    using Number = uint32_t;
    struct Relation {
        Id id;
        std::vector<Number> sources; /* each once */
    };
    /* What the walk below the last apex knows of a relation. */
    struct RefreshKind {
        Number from;     /* the last relation that every way from the apex passes, but the apex itself */
        bool is_open;    /* reached, and not walked on from */
        bool is_parting; /* two ways that have nothing else in common lead there */
        bool is_on_one;  /* it leads to such a relation */
    };

    /* Whether ways part somewhere. */
    enum class Until { end, first_parting };
    bool walk(Number apex, Until until);
    /* After a walk to the end. */
    void collect();

    std::vector<Relation> relations_; /* each after those that read it */
    Number stream_table_count_;       /* they come first */
    std::vector<Number> reached_;     /* by the last walk */
    std::vector<Number> members_;     /* of the diamond collected last, in order */

  private:
    void reach(Number relation, Number from);

    std::unordered_map<Id, Number> number_;
    std::vector<RefreshKind> ways_;
    size_t open_count_ = 0;
    bool is_parted_ = false;
};

} // namespace pgtrickle::scheduler
