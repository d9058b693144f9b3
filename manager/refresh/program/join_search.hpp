/*
 * The search for a join order in a maintenance statement, on behalf of PostgreSQL's planner.
 *
 * From geqo_threshold on, the planner would use its genetic search at once. That search builds whole orders
 * at random, of which hardly any is possible if outer joins and semi joins are nested: it then takes minutes
 * where an exhaustive search takes almost no time. Therefore the exhaustive search is used as long as there
 * are few sets of relations to join, and abandoned when there are too many: then, again and again, the two
 * sets are joined whose join costs least. The genetic search remains for what cannot be joined so.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "optimizer/paths.h"
}

namespace pgtrickle::refresh {

/* Sets the planner's hook during its lifetime, in place of the hook of any other extension. */
class JoinSearch {
  public:
    JoinSearch();
    ~JoinSearch() { join_search_hook = previous_; }
    JoinSearch(const JoinSearch &) = delete;
    JoinSearch &operator=(const JoinSearch &) = delete;

  private:
    join_search_hook_type previous_;
};

} // namespace pgtrickle::refresh
