/*
 * Who is refreshed together or not at all: an atomic diamond's apex, and its members that have the same owner. Diamonds that
 * have a member in common are one bond. So a bond has one owner.
 *
 * Pure C++; throws bad_alloc and what `is_atomic` throws. Costs little more than one walk over a graph whose diamonds hang
 * together; one over all that is below an apex for each apex where they do not.
 */
#pragma once

#include "scheduler/graph/diamond.hpp"

#include <functional>

namespace pgtrickle::scheduler {

/* Stream tables go by their numbers in the search: their places in the graph's order, backwards. */
class Bonds : DiamondSearch {
  public:
    Bonds(const Graph &graph, const std::function<bool(Id)> &is_atomic, const std::function<Id(Id)> &owner_of);

    /* The least of those that it is bound to, itself included. */
    size_t leader(size_t stream_table);
    /* Who is the apex of an atomic diamond, and bound by it. */
    const std::vector<size_t> &apexes() const { return apexes_; }

  private:
    void bind(Number apex);
    void bind_all_below(Number apex);
    void join(Number one, Number other);
    bool is_one_below(Number relation);

    std::vector<bool> may_be_inside_; /* ways meet below it, whoever they part at: only then is it a member of a diamond */
    std::vector<bool> is_one_;        /* it and all that may be inside below it are one bond; or this is not known */
    std::vector<Id> owners_;
    std::vector<size_t> leaders_;
    std::vector<size_t> apexes_;
};

} // namespace pgtrickle::scheduler
