#include "translate/check/security_barrier.hpp"

#include "pg/versions/rights.hpp"
#include "pg/walker.hpp"
#include "translate/check/refusal.hpp"

extern "C" {
#include "utils/acl.h"
}

namespace pgtrickle::translate {

namespace {

/* Whether the role in `context` may not read a relation in FROM. PostgreSQL frame. */
bool is_unreadable_for(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (IsA(node, Query)) {
        auto *query = castNode(Query, node);
        ListCell *cell;
        foreach (cell, query->rtable) {
            const auto *entry = lfirst_node(RangeTblEntry, cell);
            if (entry->rtekind == RTE_RELATION && (rights_of(query, entry).required & ACL_SELECT) != 0 &&
                pg_class_aclcheck(entry->relid, *static_cast<Oid *>(context), ACL_SELECT) != ACLCHECK_OK)
                return true;
        }
        return walk_query(query, is_unreadable_for, context, 0);
    }
    return walk_expression(node, is_unreadable_for, context);
}

} // namespace

void refuse_barrier(Query *view, Oid owner)
{
    if (call([&] { return is_unreadable_for(reinterpret_cast<Node *>(view), &owner); }))
        refuse("security barrier view",
               "Its conditions would not be evaluated before those of the query, whose owner may not read the "
               "tables that the view reads.",
               "Change the owner of the stream table to a role that may read them, or use refresh_mode 'FULL'.");
}

} // namespace pgtrickle::translate
