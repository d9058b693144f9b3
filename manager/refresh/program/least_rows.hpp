/*
 * The least number of rows that the planner estimates in a maintenance statement.
 *
 * An estimate is a product of selectivities, but changed rows are alike, and most of those that a filter does not let
 * pass were left out when the log was read: behind three filters, a thousand changed rows that pass all of them are
 * taken for one row. Then the planner joins two deltas, or a delta with what another one has found, by a loop over
 * both, whose cost is the product of their sizes. With some rows on either side it joins them by hashing or merging,
 * and rows of tables are looked up by indexes as before.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "optimizer/paths.h"
}

namespace pgtrickle::refresh {

/* During its lifetime no join is estimated at fewer than `least` rows, and no relation in memory or WITH entry at
 * fewer, unless it has fewer. Sets hooks of the planner; the functions of other extensions are called before. */
class LeastRows {
  public:
    explicit LeastRows(double least);
    ~LeastRows();
    LeastRows(const LeastRows &) = delete;
    LeastRows &operator=(const LeastRows &) = delete;

  private:
    double previous_least_;
    set_rel_pathlist_hook_type previous_of_relations_;
    set_join_pathlist_hook_type previous_of_joins_;
};

} // namespace pgtrickle::refresh
