/*
 * Targets that are computed from the rows that DISTINCT ON and LIMIT return, not from the rows among
 * which they choose.
 *
 * PostgreSQL computes a target after the sort if it is no key of sorting, grouping or DISTINCT, and
 *   - it returns sets, and no key of sorting, grouping or DISTINCT does (make_sort_input_target()). A DISTINCT ON with
 *     ORDER BY then chooses among rows that are not expanded yet, and a LIMIT among those that are, in the order in
 * which the function has returned them;
 *   - or it is expensive, such as a subquery, and there is a LIMIT.
 * Targets of rows beyond a limit are not needed. A target that may fail is computed after the limit: a
 * reserve holds rows that the query never returns, so it holds the columns from which such a target is
 * computed.
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
    /* Whether set-returning functions are among the late targets. */
    bool has_sets() const { return has_sets_; }
    const std::vector<int> &numbers() const { return numbers_; }

    /* Returns those of `targets` that are not late. */
    Targets early(const Targets &targets) const;
    /* Returns those of `targets` that are not late, and targets for the columns of `scope` that the late ones
     * of `query` read. */
    Targets kept(const Query *query, const Targets &targets, const Scope &scope, int &next_param) const;

  private:
    bool is_late(const TargetEntry *entry) const;

    std::vector<int> numbers_;
    bool has_sets_;
};

} // namespace pgtrickle::translate
