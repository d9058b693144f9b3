#include "definition/query/rewritten_query.hpp"

#include "definition/query/view_expansion.hpp"
#include "pg/versions/rights.hpp"

extern "C" {
#include "executor/executor.h"
}

namespace pgtrickle::definition {

Query *rewritten(const Query *query)
{
    auto *copy = static_cast<Query *>(copyObjectImpl(query));
    return linitial_node(Query, expand(copy));
}

void check_read_privileges(const Query *query)
{
    visit_levels(rewritten(query), [](const Query *level) { check_rights(asked_rights(level)); });
}

} // namespace pgtrickle::definition
