#include "definition/query/limited_subqueries.hpp"

#include "pg/limit.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "parser/parse_clause.h"
#include "parser/parse_node.h"
#include "utils/typcache.h"
}

namespace pgtrickle::definition {

namespace {

bool has_order(const TargetEntry *target)
{
    const Oid type = exprType(reinterpret_cast<const ::Node *>(target->expr));
    return OidIsValid(lookup_type_cache(type, TYPECACHE_LT_OPR)->lt_opr);
}

/* Hidden targets, such as the keys of a grouping or a window, would order rows that look the same, and that DISTINCT
 * makes one. */
List *shown_targets(const Query *query)
{
    List *shown = NIL;
    ListCell *cell;
    foreach (cell, query->targetList)
        if (auto *target = lfirst_node(TargetEntry, cell); !target->resjunk)
            shown = lappend(shown, target);
    return shown;
}

bool can_be_ordered(const Query *query)
{
    const List *shown = shown_targets(query);
    const ListCell *cell;
    foreach (cell, shown)
        if (!has_order(lfirst_node(TargetEntry, cell)))
            return false;
    return shown != NIL && !query->hasDistinctOn;
}

void order_by_all_columns(ParseState *state, Query *query)
{
    ListCell *cell;
    foreach (cell, shown_targets(query)) {
        SortBy *by = makeNode(SortBy);
        by->sortby_dir = SORTBY_DEFAULT;
        by->sortby_nulls = SORTBY_NULLS_DEFAULT;
        by->location = -1;
        query->sortClause = addTargetToSortList(state, static_cast<TargetEntry *>(lfirst(cell)), query->sortClause,
                                                query->targetList, by);
    }
}

bool order_in(::Node *node, void *context);

/* `is_counted`: only the existence of rows matters. */
bool order_level(ParseState *state, Query *query, bool is_counted)
{
    if (!is_counted && leaves_choice_of_rows(query) && can_be_ordered(query)) {
        const bool has_limit = !is_no_limit(query->limitCount);
        order_by_all_columns(state, query);
        ereport(WARNING,
                (errmsg("%s without ORDER BY in a sub-query of a defining query", has_limit ? "LIMIT" : "OFFSET"),
                 errdetail("The sub-query is ordered by all its columns, so that it has the same rows at each "
                           "refresh."),
                 parser_errposition(state, exprLocation(has_limit ? query->limitCount : query->limitOffset))));
    }
    return walk_query(query, order_in, state, 0);
}

bool order_in(::Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (IsA(node, Query))
        return order_level(static_cast<ParseState *>(context), castNode(Query, node), false);
    if (IsA(node, SubLink) && castNode(SubLink, node)->subLinkType == EXISTS_SUBLINK)
        return order_level(static_cast<ParseState *>(context), castNode(Query, castNode(SubLink, node)->subselect),
                           true);
    return walk_expression(node, order_in, context);
}

} // namespace

void order_limited_subqueries(Query *query, const char *text)
{
    ParseState *state = make_parsestate(nullptr);
    state->p_sourcetext = text;
    (void)walk_query(query, order_in, state, 0);
    free_parsestate(state);
}

} // namespace pgtrickle::definition
