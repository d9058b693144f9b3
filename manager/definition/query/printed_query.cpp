#include "definition/query/printed_query.hpp"

#include "definition/query/own_operator.hpp"
#include "pg/versions/parser.hpp"
#include "pg/versions/planner.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
}

#include <cstring>

namespace pgtrickle::definition {

namespace {

/* Columns of an item of FROM, in parallel lists. */
struct Columns {
    List *numbers = NIL;
    List *names = NIL;
    List *values = NIL; /* Vars of relations, or what stands for a merged column */
};

/* Returns the joined columns, as those of one item. */
Columns side_by_side(const Columns &left, const Columns &right)
{
    Columns both;
    both.names = list_concat_copy(left.names, right.names);
    both.values = list_concat_copy(left.values, right.values);
    for (int i = 1; i <= list_length(both.names); i++)
        both.numbers = lappend_int(both.numbers, i);
    return both;
}

/* Returns the columns of an entry that the query knows: those that were added since are not columns of its joins. */
Columns known_columns(const Query *query, int index)
{
    const RangeTblEntry *entry = rt_fetch(index, query->rtable);
    List *names, *vars;
    columns_of_entry(entry, index, false, &names, &vars);
    Columns columns;
    ListCell *name, *cell;
    forboth(name, names, cell, vars)
    {
        Var *var = lfirst_node(Var, cell);
        if (var->varattno > list_length(entry->eref->colnames))
            continue;
        columns.numbers = lappend_int(columns.numbers, var->varattno);
        columns.names = lappend(columns.names, lfirst(name));
        columns.values = lappend(columns.values, var);
    }
    return columns;
}

/* Makes every join in the tree one without USING and without an alias, whose columns are those of both sides; no Var
 * may refer to one. */
Columns join_plainly(Query *query, ::Node *item)
{
    if (IsA(item, RangeTblRef))
        return known_columns(query, castNode(RangeTblRef, item)->rtindex);
    auto *join = castNode(JoinExpr, item);
    const Columns left = join_plainly(query, join->larg), right = join_plainly(query, join->rarg);
    const Columns columns = side_by_side(left, right);
    join->isNatural = false;
    join->usingClause = NIL;
    join->join_using_alias = nullptr;
    join->alias = nullptr;
    RangeTblEntry *entry = rt_fetch(join->rtindex, query->rtable);
    entry->alias = entry->join_using_alias = nullptr;
    entry->eref = makeAlias("unnamed_join", columns.names);
    entry->joinmergedcols = 0;
    entry->joinaliasvars = columns.values;
    entry->joinleftcols = left.numbers;
    entry->joinrightcols = right.numbers;
    return columns;
}

bool has_own_operator(::Node *node, void *context)
{
    if (node == nullptr)
        return false;
    return (IsA(node, OpExpr) && is_own_operator(castNode(OpExpr, node)->opno)) ||
           walk_expression(node, has_own_operator, context);
}

/* Whether the join merges columns by an operator that the text would not name; or in a way that PostgreSQL 18 prints by
 * names that the alias of the join hides. */
bool is_misprinted(const JoinExpr *join)
{
    return join->usingClause != NIL &&
           (has_own_operator(join->quals, nullptr) || (join->jointype == JOIN_FULL && join->alias != nullptr));
}

bool has_misprinted_join(::Node *item, void *context)
{
    if (item == nullptr || IsA(item, Query) || IsA(item, SubLink))
        return false;
    return (IsA(item, JoinExpr) && is_misprinted(castNode(JoinExpr, item))) ||
           walk_expression(item, has_misprinted_join, context);
}

::Node *without_aliases_of(::Node *node, void *query)
{
    return without_join_aliases(static_cast<Query *>(query), node);
}

/* Makes Vars of the query `context` levels up those of their relations for the printer, too. */
bool name_by_relation(::Node *node, void *context)
{
    auto *depth = static_cast<int *>(context);
    if (node == nullptr)
        return false;
    if (IsA(node, Var) && static_cast<int>(castNode(Var, node)->varlevelsup) == *depth) {
        auto *column = castNode(Var, node);
        column->varnosyn = column->varno;
        column->varattnosyn = column->varattno;
    }
    if (!IsA(node, Query))
        return walk_expression(node, name_by_relation, context);
    int deeper = *depth + 1;
    return walk_query(castNode(Query, node), name_by_relation, &deeper, 0);
}

Query *with_plain_joins(Query *query)
{
    if (!has_misprinted_join(reinterpret_cast<::Node *>(query->jointree), nullptr))
        return query;
    Query *plain = query_tree_mutator(query, for_core(without_aliases_of), query, QTW_IGNORE_JOINALIASES);
    int depth = 0;
    (void)walk_query(plain, name_by_relation, &depth, 0);
    ListCell *cell;
    foreach (cell, plain->jointree->fromlist)
        (void)join_plainly(plain, static_cast<::Node *>(lfirst(cell)));
    return plain;
}

/* Whether the printed name of the column would mean an output column with another value. */
bool is_name_of_another(const Query *query, const TargetEntry *sorted)
{
    if (!IsA(sorted->expr, Var))
        return false;
    const auto *column = reinterpret_cast<const Var *>(sorted->expr);
    if (column->varlevelsup != 0 || column->varattno == InvalidAttrNumber)
        return false;
    const char *name = get_rte_attribute_name(rt_fetch(column->varno, query->rtable), column->varattno);
    ListCell *cell;
    foreach (cell, query->targetList) {
        const auto *output = lfirst_node(TargetEntry, cell);
        if (!output->resjunk && strcmp(output->resname, name) == 0 && !equal(output->expr, sorted->expr))
            return true;
    }
    return false;
}

bool has_misleading_name(const Query *query, List *clauses)
{
    ListCell *cell;
    foreach (cell, clauses)
        if (is_name_of_another(query, get_sortgroupclause_tle(lfirst_node(SortGroupClause, cell), query->targetList)))
            return true;
    return false;
}

/* Columns are printed without their relation where a query has no other one: another entry of its range table, which
 * no FROM shows, has them qualified. */
void qualify_sorted_columns(Query *query)
{
    if (list_length(query->rtable) != 1 || query->setOperations != nullptr ||
        !(has_misleading_name(query, query->sortClause) || has_misleading_name(query, query->distinctClause)))
        return;
    RangeTblEntry *entry = makeNode(RangeTblEntry);
    entry->rtekind = RTE_RESULT;
    entry->eref = makeAlias("*RESULT*", NIL);
    query->rtable = lappend(query->rtable, entry);
}

Expr *wrapped(Expr *key)
{
    CoalesceExpr *same = makeNode(CoalesceExpr);
    same->coalescetype = exprType(reinterpret_cast<::Node *>(key));
    same->coalescecollid = exprCollation(reinterpret_cast<::Node *>(key));
    same->args = list_make1(key);
    same->location = -1;
    return reinterpret_cast<Expr *>(same);
}

/* Returns the targets that are keys, in the order in which PostgreSQL compares them with other expressions. */
List *targets_of_keys(const Query *query)
{
    List *targets = NIL;
    ListCell *cell;
    foreach (cell, are_keys_found_by_parser ? query->groupClause : NIL)
        targets = lappend(targets, get_sortgroupclause_tle(lfirst_node(SortGroupClause, cell), query->targetList));
    foreach (cell, are_keys_found_by_parser ? NIL : query->targetList) {
        auto *target = lfirst_node(TargetEntry, cell);
        if (get_sortgroupref_clause_noerr(target->ressortgroupref, query->groupClause) != nullptr)
            targets = lappend(targets, target);
    }
    return targets;
}

/* A set may have one of two equal keys, while the text of a target means the first of them. The others are printed as
 * COALESCE(key), which is the same value. */
void distinguish_keys(Query *query)
{
    if (query->groupingSets == NIL)
        return;
    List *known = NIL;
    ListCell *cell;
    foreach (cell, targets_of_keys(query)) {
        auto *target = lfirst_node(TargetEntry, cell);
        auto *key = reinterpret_cast<Expr *>(without_group_aliases(query, reinterpret_cast<::Node *>(target->expr)));
        const bool is_known = list_member(known, key);
        while (list_member(known, key))
            key = wrapped(key);
        known = lappend(known, key);
        if (is_known)
            target->expr = key;
    }
}

::Node *printed(::Node *node, void *context)
{
    if (node == nullptr)
        return nullptr;
    if (!IsA(node, Query))
        return mutate_expression(node, printed, context);
    Query *query = query_tree_mutator(castNode(Query, node), for_core(printed), context, 0);
    query = with_plain_joins(query);
    qualify_sorted_columns(query);
    distinguish_keys(query);
    return reinterpret_cast<::Node *>(query);
}

} // namespace

Query *in_printed_form(Query *query)
{
    ::Node *spelled = with_own_operators_spelled(reinterpret_cast<::Node *>(query));
    return castNode(Query, printed(spelled, nullptr));
}

} // namespace pgtrickle::definition
