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

List *relations_with_read_privileges(const Query *query)
{
    List *relations = NIL;
    visit_levels(rewritten(query), [&](const Query *level) {
        ListCell *cell;
        foreach (cell, level->rtable)
            if (const Oid relid = lfirst_node(RangeTblEntry, cell)->relid; OidIsValid(relid))
                relations = list_append_unique_oid(relations, relid);
    });
    return relations;
}

} // namespace pgtrickle::definition
