/*
 * Bounds of the numbers of rows that the planner estimates in a maintenance statement.
 *
 * Least: an estimate is a product of selectivities, but changed rows are alike, and most of those that a filter does
 * not let pass were left out when the log was read: behind three filters, a thousand changed rows that pass all of them
 * are taken for one row. Then the planner joins two deltas, or a delta with what another one has found, by a loop over
 * both, whose cost is the product of their sizes. With some rows on either side it joins them by hashing or merging,
 * and rows of tables are looked up by indexes as before. A join of few changed rows has a lower bound, as it is not
 * larger than they are: twenty of a hundred changed suppliers are not worth a scan of all parts.
 *
 * Most, for the WITH entries of a statement that is planned for few rows: an entry is the delta of a join of some
 * inputs, and is estimated as if ten rows of each input had changed, and each of them met an average number of rows. A
 * nation has hundreds of suppliers, so that the entry is taken for thousands of rows, and what the entry is joined with
 * is read as a whole, also when three suppliers have changed and no nation.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "optimizer/paths.h"
}

namespace pgtrickle::refresh {

/* During its lifetime no join is estimated at fewer than `least` rows, or a tenth of the changed rows that it joins if
 * that is less, and no relation in memory or WITH entry at fewer than `least`, unless it has fewer; and no WITH entry
 * at more than `most_of_entry`. Sets hooks of the planner; the functions of other extensions are called before. */
class EstimateBounds {
  public:
    EstimateBounds(double least, double most_of_entry);
    ~EstimateBounds();
    EstimateBounds(const EstimateBounds &) = delete;
    EstimateBounds &operator=(const EstimateBounds &) = delete;

  private:
    double previous_least_, previous_most_of_entry_;
    set_rel_pathlist_hook_type previous_of_relations_;
    set_join_pathlist_hook_type previous_of_joins_;
};

} // namespace pgtrickle::refresh
