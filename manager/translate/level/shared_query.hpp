/*
 * The CTEs of a query: each is one node of the plan, however many references it has.
 *
 * The node has the columns that all references together need. Like the columns of the sources (source.hpp),
 * these are known after one pass over the query; a later pass then creates the node once. A reference that
 * needs a column which is not known yet gets a node of its own, which is correct but not shared; the same
 * holds for references that still differ in the last pass.
 */
#pragma once

#include "engine/plan/plan.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

#include <map>
#include <set>
#include <vector>

namespace pgtrickle::translate {

struct SharedQuery {
    std::set<int> needed;     /* columns read by any reference, in any pass */
    engine::PlanPtr plan;     /* plan of this pass; null before the first reference */
    std::vector<int> present; /* column numbers of `plan` */
};

class SharedQueries {
  public:
    /* The result is valid until the next pass. */
    SharedQuery &of(const Query *query) { return all_[query]; }
    void want_another_pass() { is_incomplete_ = true; }
    bool needs_another_pass() const { return is_incomplete_ && passes_ < max_passes_refreshing; }
    void start_pass()
    {
        for (auto &[query, shared] : all_)
            shared.plan = nullptr;
        is_incomplete_ = false;
        passes_++;
    }

  private:
    static constexpr int max_passes_refreshing = 4;
    std::map<const Query *, SharedQuery> all_;
    bool is_incomplete_ = false;
    int passes_ = 0;
};

} // namespace pgtrickle::translate
