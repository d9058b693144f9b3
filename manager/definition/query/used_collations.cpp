#include "definition/query/used_collations.hpp"

#include "pg/walker.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
#include "optimizer/tlist.h"
}

namespace pgtrickle::definition {

namespace {

void add(List **found, Oid collation)
{
    if (OidIsValid(collation))
        *found = list_append_unique_oid(*found, collation);
}

void add_all(List **found, const List *collations)
{
    ListCell *cell;
    foreach (cell, collations)
        add(found, lfirst_oid(cell));
}

/* `clauses` are SortGroupClauses over `targets`. */
void add_sorted(List **found, List *clauses, List *targets)
{
    ListCell *cell;
    foreach (cell, clauses)
        add(found, exprCollation(get_sortgroupclause_expr(lfirst_node(SortGroupClause, cell), targets)));
}

void add_level(List **found, const Query *level)
{
    add_sorted(found, level->groupClause, level->targetList);
    add_sorted(found, level->distinctClause, level->targetList);
    add_sorted(found, level->sortClause, level->targetList);
    ListCell *cell;
    foreach (cell, level->windowClause) {
        auto *window = lfirst_node(WindowClause, cell);
        add_sorted(found, window->partitionClause, level->targetList);
        add_sorted(found, window->orderClause, level->targetList);
    }
}

bool collect(::Node *node, void *context)
{
    auto *found = static_cast<List **>(context);
    if (node == nullptr)
        return false;
    if (IsA(node, Query)) {
        add_level(found, castNode(Query, node));
        return walk_query(castNode(Query, node), collect, context, 0);
    }
    add(found, exprInputCollation(node));
    if (IsA(node, RowCompareExpr))
        add_all(found, castNode(RowCompareExpr, node)->inputcollids);
    if (IsA(node, SetOperationStmt))
        add_all(found, castNode(SetOperationStmt, node)->colCollations);
    if (IsA(node, Aggref)) {
        auto *aggregate = castNode(Aggref, node);
        add_sorted(found, aggregate->aggorder, aggregate->args);
        add_sorted(found, aggregate->aggdistinct, aggregate->args);
    }
    return walk_expression(node, collect, context);
}

} // namespace

List *used_collations(const Query *rewritten)
{
    List *found = NIL;
    (void)collect(reinterpret_cast<::Node *>(const_cast<Query *>(rewritten)), &found);
    list_sort(found, list_oid_cmp);
    return found;
}

} // namespace pgtrickle::definition
