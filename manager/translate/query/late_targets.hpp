/*
 * Targets that are computed of the rows that DISTINCT ON and LIMIT leave, and not of those that they choose from.
 *
 * PostgreSQL computes a target after the sort if nothing is sorted, grouped or told apart by it, and it
 *   - returns sets, and none of what is sorted, grouped or told apart by does (make_sort_input_target()). So a DISTINCT ON
 *     with ORDER BY chooses among rows that are not expanded yet, and a LIMIT among those that are, in the order in which the
 *     function has returned them;
 *   - or is expensive, which a subquery is, and there is a LIMIT.
 * Beyond a limit a target is not needed either. One that may fail is computed within it: a reserve holds rows that the
 * query never shows, so it holds what such a target is computed from.
 *
 * C++ frames.
 */
#pragma once

#include "translate/level/targets.hpp"

namespace pgtrickle::translate {

class LateTargets {
  public:
    /* Refuses a LIMIT whose rows depend on the order within a set. */
    LateTargets(const Query *query, const Targets &targets);

    bool has_any() const { return has_sets_ || !numbers_.empty(); }
    /* Whether the functions that return sets are among them. */
    bool has_sets() const { return has_sets_; }
    const std::vector<int> &numbers() const { return numbers_; }

    /* The others of `targets`. */
    Targets early(const Targets &targets) const;
    /* The others of `targets`, and targets for the columns of `scope` that the late ones of `query` read. */
    Targets kept(const Query *query, const Targets &targets, const Scope &scope, int &next_param) const;

  private:
    bool is_late(const TargetEntry *entry) const;

    std::vector<int> numbers_;
    bool has_sets_;
};

} // namespace pgtrickle::translate
