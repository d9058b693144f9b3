#include "fdw/definition/whole_rows.hpp"

#include "pg/walker.hpp"

extern "C" {
#include "access/relation.h"
#include "miscadmin.h"
#include "rewrite/rewriteHandler.h"
#include "rewrite/rowsecurity.h"
#include "storage/lmgr.h"
#include "utils/rel.h"
}

namespace pgtrickle {

namespace {

/* A search for a reference to a whole row in queries. */
struct WholeRows {
    List *relids; /* relations that the queries read: their views and policies belong to them */
};

bool has_whole_row(::Node *node, void *search)
{
    if (node == nullptr)
        return false;
    if (IsA(node, Var))
        return reinterpret_cast<Var *>(node)->varattno == InvalidAttrNumber;
    if (IsA(node, RangeTblEntry)) {
        auto *entry = reinterpret_cast<RangeTblEntry *>(node);
        auto *found = static_cast<WholeRows *>(search);
        if (OidIsValid(entry->relid))
            found->relids = list_append_unique_oid(found->relids, entry->relid);
        return false;
    }
    if (IsA(node, Query))
        return walk_query(reinterpret_cast<Query *>(node), has_whole_row, search, QTW_EXAMINE_RTES_BEFORE);
    return walk_expression(node, has_whole_row, search);
}

/* The definition of a view, or the policies of a table. Of a relation that another session alters, nothing is known:
 * the answer is true. */
bool has_whole_row_behind(Oid relid, WholeRows *search)
{
    if (!ConditionalLockRelationOid(relid, AccessShareLock))
        return true;
    bool is_found = false;
    if (Relation relation = try_relation_open(relid, NoLock); relation != nullptr) {
        if (relation->rd_rel->relkind == RELKIND_VIEW)
            is_found = has_whole_row(reinterpret_cast<::Node *>(get_view_query(relation)), search);
        ListCell *cell;
        foreach (cell, relation->rd_rsdesc != nullptr ? relation->rd_rsdesc->policies : NIL)
            is_found =
                is_found ||
                has_whole_row(reinterpret_cast<::Node *>(static_cast<RowSecurityPolicy *>(lfirst(cell))->qual), search);
        relation_close(relation, NoLock);
    }
    UnlockRelationOid(relid, AccessShareLock);
    return is_found;
}

} // namespace

bool reads_whole_rows(const Query *query)
{
    WholeRows search = {NIL};
    if (has_whole_row(reinterpret_cast<::Node *>(const_cast<Query *>(query)), &search))
        return true;
    for (int i = 0; i < list_length(search.relids); i++) {
        CHECK_FOR_INTERRUPTS();
        if (has_whole_row_behind(list_nth_oid(search.relids, i), &search))
            return true;
    }
    return false;
}

} // namespace pgtrickle
