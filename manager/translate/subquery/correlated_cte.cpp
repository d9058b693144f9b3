#include "translate/subquery/correlated_cte.hpp"

#include "pg/walker.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "rewrite/rewriteManip.h"
}

namespace pgtrickle::translate {

namespace {

bool find_param(Node *node, void *)
{
    if (node == nullptr)
        return false;
    if (IsA(node, Param))
        return castNode(Param, node)->paramkind == PARAM_EXEC;
    if (IsA(node, Query))
        return walk_query(castNode(Query, node), find_param, nullptr, 0);
    return walk_expression(node, find_param, nullptr);
}

/* Whether the entry refers to `cte`, in a query `depth` levels below the query that has it. */
bool is_reference(const RangeTblEntry *entry, const CommonTableExpr *cte, Index depth)
{
    return entry->rtekind == RTE_CTE && entry->ctelevelsup == depth && strcmp(entry->ctename, cte->ctename) == 0;
}

/* References to itself in the query of a CTE, after the CTE was moved `far` levels further in. */
struct OwnReferences {
    const CommonTableExpr *cte;
    Index depth;
    Index far;
};

bool adjust_levels(Node *node, void *context)
{
    auto *own = static_cast<OwnReferences *>(context);
    if (node == nullptr)
        return false;
    if (!IsA(node, Query))
        return walk_expression(node, adjust_levels, context);
    auto *query = castNode(Query, node);
    ListCell *cell;
    own->depth++;
    foreach (cell, query->rtable) {
        auto *entry = lfirst_node(RangeTblEntry, cell);
        if (is_reference(entry, own->cte, own->depth + own->far))
            entry->ctelevelsup = own->depth;
    }
    (void)walk_query(query, adjust_levels, context, 0);
    own->depth--;
    return false;
}

/* Returns WITH RECURSIVE cte SELECT * FROM cte, for a reference `depth` levels below the query that has the
 * CTE. */
Query *query_of_recursion(const CommonTableExpr *original, const RangeTblEntry *reference, Index depth)
{
    auto *cte = static_cast<CommonTableExpr *>(copyObjectImpl(original));
    OwnReferences own = {cte, 0, depth + 1};
    IncrementVarSublevelsUp(cte->ctequery, static_cast<int>(own.far), 1);
    (void)adjust_levels(cte->ctequery, &own);
    auto *entry = static_cast<RangeTblEntry *>(copyObjectImpl(reference));
    entry->ctelevelsup = 0;
    RangeTblRef *item = makeNode(RangeTblRef);
    item->rtindex = 1;
    Query *query = makeNode(Query);
    query->commandType = CMD_SELECT;
    query->canSetTag = true;
    query->hasRecursive = true;
    query->cteList = list_make1(cte);
    query->rtable = list_make1(entry);
    query->jointree = makeFromExpr(list_make1(item), nullptr);
    for (int i = 0; i < list_length(cte->ctecolnames); i++) {
        const auto number = static_cast<AttrNumber>(i + 1);
        Var *column = makeVar(1, number, list_nth_oid(cte->ctecoltypes, i), list_nth_int(cte->ctecoltypmods, i),
                              list_nth_oid(cte->ctecolcollations, i), 0);
        query->targetList =
            lappend(query->targetList, makeTargetEntry(reinterpret_cast<Expr *>(column), number,
                                                       pstrdup(strVal(list_nth(cte->ctecolnames, i))), false));
    }
    return query;
}

Query *query_of(const CommonTableExpr *cte, const RangeTblEntry *reference, Index depth)
{
    if (cte->cterecursive)
        return query_of_recursion(cte, reference, depth);
    auto *query = static_cast<Query *>(copyObjectImpl(cte->ctequery));
    IncrementVarSublevelsUp(reinterpret_cast<Node *>(query), static_cast<int>(depth), 1);
    return query;
}

struct Inlining {
    const CommonTableExpr *cte;
    Index depth; /* of the current query, below the query that has the CTE */
    bool has_inlined;
};

bool inline_references(Node *node, void *context)
{
    auto *inlining = static_cast<Inlining *>(context);
    if (node == nullptr || node == reinterpret_cast<const Node *>(inlining->cte))
        return false;
    if (!IsA(node, Query))
        return walk_expression(node, inline_references, context);
    auto *query = castNode(Query, node);
    ListCell *cell;
    foreach (cell, query->rtable) {
        auto *entry = lfirst_node(RangeTblEntry, cell);
        if (!is_reference(entry, inlining->cte, inlining->depth) ||
            (inlining->cte->cterecursive && inlining->depth == 0))
            continue;
        entry->subquery = query_of(inlining->cte, entry, inlining->depth);
        entry->rtekind = RTE_SUBQUERY;
        entry->ctename = nullptr;
        entry->ctelevelsup = 0;
        entry->self_reference = false;
        entry->coltypes = entry->coltypmods = entry->colcollations = NIL;
        inlining->has_inlined = true;
    }
    inlining->depth++;
    (void)walk_query(query, inline_references, context, 0);
    inlining->depth--;
    return false;
}

bool is_read_beside(const Query *query, const CommonTableExpr *cte)
{
    ListCell *cell;
    foreach (cell, query->rtable) {
        if (is_reference(lfirst_node(RangeTblEntry, cell), cte, 0))
            return true;
    }
    return false;
}

/* Inlines one of the CTEs of `query`, and removes it from the query if it is no longer referred to; returns
 * false if there is none to inline. */
bool inline_one(Query *query)
{
    ListCell *cell;
    foreach (cell, query->cteList) {
        auto *cte = lfirst_node(CommonTableExpr, cell);
        if (!find_param(cte->ctequery, nullptr))
            continue;
        Inlining inlining = {cte, 0, false};
        (void)inline_references(reinterpret_cast<Node *>(query), &inlining);
        const bool is_left = cte->cterecursive && is_read_beside(query, cte);
        if (!is_left)
            query->cteList = list_delete_ptr(query->cteList, cte);
        if (inlining.has_inlined || !is_left)
            return true;
    }
    return false;
}

bool inline_all(Node *node, void *)
{
    if (node == nullptr)
        return false;
    if (!IsA(node, Query))
        return walk_expression(node, inline_all, nullptr);
    while (inline_one(castNode(Query, node)))
        CHECK_FOR_INTERRUPTS();
    return walk_query(castNode(Query, node), inline_all, nullptr, 0);
}

} // namespace

void inline_correlated_ctes(Query *tree)
{
    (void)inline_all(reinterpret_cast<Node *>(tree), nullptr);
}

} // namespace pgtrickle::translate
