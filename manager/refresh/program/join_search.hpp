/*
 * The order of joins in a maintenance statement, which PostgreSQL's planner asks for.
 *
 * From geqo_threshold on it would ask its genetic search at once. That one makes whole orders at random, of which hardly
 * any can be had where outer joins and semi joins stand one in the other: then it takes minutes for what the search of all
 * orders does in no time. So all orders are searched as long as they are few, and given up where they are not.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "optimizer/paths.h"
}

namespace pgtrickle::refresh {

/* For what is planned while it lives, whatever an extension does for other statements. */
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
