/*
 * The diamonds of a graph, for many apexes: the same result as Graph::diamond_of(). With owners, the paths of a
 * diamond pass stream tables of its apex's owner only: one of another owner is a source, as a table is.
 *
 * The graph is numbered once; a diamond then costs one walk over everything upstream of its apex, some
 * nanoseconds for each step. Keeps no reference to the graph. Pure C++; throws bad_alloc only.
 */
#pragma once

#include "scheduler/graph/graph.hpp"

#include <functional>
#include <unordered_map>

namespace pgtrickle::scheduler {

class DiamondSearch {
  public:
    /* `ids`: everything that the apexes to be examined reach, the apexes included. */
    DiamondSearch(const Graph &graph, const Ids &ids, const std::function<Id(Id)> &owner_of = {});

    /* The members of the diamond of `apex`, in order; empty if there is none, or if `apex` is not among
     * `ids`. */
    Ids of(Id apex);

  protected:
    using Number = uint32_t;
    struct Relation {
        Id id;
        Id owner;                    /* 0 if owners do not matter, and for tables */
        std::vector<Number> sources; /* without duplicates */
    };
    /* State of a relation in the walk upstream from the last apex. */
    struct PathState {
        Number from;     /* the last relation, other than the apex, that every path from the apex passes */
        bool is_open;    /* reached, and its sources not visited yet */
        bool is_parting; /* two paths that have nothing else in common lead to it */
        bool is_on_one;  /* on a path to such a relation */
    };

    /* walk() returns whether paths part somewhere; first_parting: it stops visiting at the first such
     * place. */
    enum class Until { end, first_parting };
    bool walk(Number apex, Until until);
    /* Sets members_; requires a walk to the end. */
    void collect();

    std::vector<Relation> relations_; /* each after the relations that read it */
    Number stream_table_count_;       /* stream tables come first */
    std::vector<Number> reached_;     /* by the last walk, which passes them */
    std::vector<Number> members_;     /* of the last collected diamond, in order */

  private:
    void reach(Number relation, Number from);

    std::unordered_map<Id, Number> number_;
    std::vector<PathState> paths_;
    size_t open_count_ = 0;
    bool is_parted_ = false;
};

} // namespace pgtrickle::scheduler
