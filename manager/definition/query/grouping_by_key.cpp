#include "definition/query/grouping_by_key.hpp"

#include "pg/walker.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_clause.h"
#include "parser/parse_oper.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle::definition {

namespace {

struct Search {
    List *grouped;   /* expressions of GROUP BY */
    List *ungrouped; /* Vars of the query outside of aggregates and of `grouped` */
    int depth;       /* number of subqueries entered */
};

bool is_grouped(::Node *node, Search *search)
{
    return search->depth == 0 && list_member(search->grouped, node);
}

/* Collects ungrouped columns. An aggregate of an outer query level may be in a subquery; its arguments belong
 * to the level at which it is computed. */
bool find_ungrouped(::Node *node, void *context)
{
    auto *search = static_cast<Search *>(context);
    if (node == nullptr || is_grouped(node, search))
        return false;
    if (IsA(node, Aggref) && static_cast<int>(reinterpret_cast<Aggref *>(node)->agglevelsup) == search->depth)
        return false;
    if (IsA(node, GroupingFunc))
        return false;
    if (IsA(node, Var)) {
        auto *var = reinterpret_cast<Var *>(node);
        if (static_cast<int>(var->varlevelsup) != search->depth)
            return false;
        auto *own = static_cast<Var *>(copyObjectImpl(var));
        own->varlevelsup = 0;
        if (!list_member(search->grouped, own))
            search->ungrouped = list_append_unique(search->ungrouped, own);
        return false;
    }
    if (IsA(node, Query)) {
        search->depth++;
        walk_query(reinterpret_cast<Query *>(node), find_ungrouped, search, 0);
        search->depth--;
        return false;
    }
    return walk_expression(node, find_ungrouped, search);
}

/* Adds a column to GROUP BY. Returns the reference of the new grouping column. */
int add_to_grouping(Query *query, Var *column)
{
    TargetEntry *target = tlist_member(reinterpret_cast<Expr *>(column), query->targetList);
    if (target == nullptr) {
        target = makeTargetEntry(reinterpret_cast<Expr *>(column), list_length(query->targetList) + 1, nullptr, true);
        query->targetList = lappend(query->targetList, target);
    }
    SortGroupClause *clause = makeNode(SortGroupClause);
    get_sort_group_operators(column->vartype, false, false, false, &clause->sortop, &clause->eqop, nullptr,
                             &clause->hashable);
    if (!OidIsValid(clause->eqop))
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("a column of type %s is used in a defining query without being grouped",
                        format_type_be(column->vartype)),
                 errdetail("It depends on the grouped primary key of the table, and its type cannot be grouped."),
                 errhint("Use an aggregate, or join the table to the grouped result.")));
    clause->tleSortGroupRef = assignSortGroupRef(target, query->targetList);
    query->groupClause = lappend(query->groupClause, clause);
    return static_cast<int>(clause->tleSortGroupRef);
}

/* A primary key does not determine the columns of rows in inheritance children: PostgreSQL makes one group of rows with
 * equal keys, and shows the columns of any one of them. */
void refuse_children(const Query *query, const Var *column)
{
    const RangeTblEntry *entry = rt_fetch(column->varno, query->rtable);
    while (entry->rtekind == RTE_JOIN) {
        auto *joined = static_cast<::Node *>(list_nth(entry->joinaliasvars, column->varattno - 1));
        if (joined == nullptr || !IsA(joined, Var))
            return;
        column = reinterpret_cast<const Var *>(joined);
        entry = rt_fetch(column->varno, query->rtable);
    }
    if (entry->rtekind != RTE_RELATION || !entry->inh || entry->relkind != RELKIND_RELATION ||
        !has_subclass(entry->relid))
        return;
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("column \"%s\" of \"%s\" is used in a defining query without being grouped",
                           get_attname(entry->relid, column->varattno, false), get_rel_name(entry->relid)),
                    errdetail("The table has inheritance children, for whose rows its primary key does not hold."),
                    errhint("Group by the column, use an aggregate, or read ONLY the table.")));
}

void widen_level(Query *query)
{
    if (query->constraintDeps == NIL)
        return;
    Search search = {get_sortgrouplist_exprs(query->groupClause, query->targetList), NIL, 0};
    find_ungrouped(reinterpret_cast<::Node *>(query->targetList), &search);
    find_ungrouped(query->havingQual, &search);
    ListCell *cell;
    List *added = NIL;
    foreach (cell, search.ungrouped) {
        auto *column = static_cast<Var *>(lfirst(cell));
        refuse_children(query, column);
        added = lappend_int(added, add_to_grouping(query, column));
    }
    /* Every grouping set contains the primary key that determines these columns, so every set gets them
     * too. */
    if (query->groupingSets != NIL && added != NIL)
        query->groupingSets = lappend(query->groupingSets, makeGroupingSet(GROUPING_SET_SIMPLE, added, -1));
    query->constraintDeps = NIL;
}

bool widen_everywhere(::Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (IsA(node, Query)) {
        widen_level(reinterpret_cast<Query *>(node));
        return walk_query(reinterpret_cast<Query *>(node), widen_everywhere, context, 0);
    }
    return walk_expression(node, widen_everywhere, context);
}

} // namespace

void widen_grouping(Query *query)
{
    widen_everywhere(reinterpret_cast<::Node *>(query), nullptr);
}

} // namespace pgtrickle::definition
