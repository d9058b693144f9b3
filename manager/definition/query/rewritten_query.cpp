#include "definition/query/rewritten_query.hpp"

#include "pg/versions/rights.hpp"

extern "C" {
#include "executor/executor.h"
#include "rewrite/rewriteHandler.h"
}

namespace pgtrickle::definition {

Query *rewritten(const Query *query)
{
    auto *copy = static_cast<Query *>(copyObjectImpl(query));
    AcquireRewriteLocks(copy, true, false);
    return linitial_node(Query, QueryRewrite(copy));
}

void check_read_privileges(const Query *query)
{
    visit_levels(rewritten(query), [](const Query *level) { check_rights(asked_rights(level)); });
}

} // namespace pgtrickle::definition
