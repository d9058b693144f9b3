#include "definition/query/rewritten_query.hpp"

#include "pg/settings.hpp"
#include "pg/versions/rights.hpp"

extern "C" {
#include "executor/executor.h"
#include "rewrite/rewriteHandler.h"
#include "utils/guc.h"
#include "utils/rls.h"
}

namespace pgtrickle::definition {

Query *rewritten(const Query *query)
{
    auto *copy = static_cast<Query *>(copyObjectImpl(query));
    AcquireRewriteLocks(copy, true, false);
    const int settings = NewGUCNestLevel();
    if (!row_security) /* as in a restore: an error would be raised where a policy applies */
        set_for_now("row_security", "on");
    auto *found = linitial_node(Query, QueryRewrite(copy));
    AtEOXact_GUC(true, settings);
    return found;
}

void check_read_privileges(const Query *query)
{
    visit_levels(rewritten(query), [](const Query *level) { check_rights(asked_rights(level)); });
}

} // namespace pgtrickle::definition
