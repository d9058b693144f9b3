#include "definition/query/sorted_subqueries.hpp"

#include "definition/query/shown_order.hpp"
#include "pg/limit.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/tlist.h"
#include "parser/parse_clause.h"
#include "parser/parse_node.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
}

#include <cstring>

namespace pgtrickle::definition {

namespace {

/* How the rows of a level are read. */
enum class Reader { rows, array, existence };

struct Level {
    ParseState *state; /* for warnings, or nullptr */
    Query *query;
    const Level *outer;
    Reader reader;
    bool is_for_choice;
};

/* The sub-query or CTE that is the FROM clause of a level. */
struct SortedInput {
    ParseState *state;
    int index; /* in the range table */
    RangeTblEntry *entry;
    Query *subquery;
};

/* The lists of a level: also those that sub-queries of its expressions compute over its rows. */
struct ListSearch {
    const SortedInput *input;
    int depth; /* number of sub-queries entered */
};

bool is_list_of(const Aggref *aggregate, const ListSearch *search)
{
    return static_cast<int>(aggregate->agglevelsup) == search->depth && is_unsorted_list(aggregate);
}

bool find_unsorted_list(::Node *node, void *context)
{
    auto *search = static_cast<ListSearch *>(context);
    if (node == nullptr)
        return false;
    if (IsA(node, Query)) {
        ListSearch inside = {search->input, search->depth + 1};
        return walk_query(castNode(Query, node), find_unsorted_list, &inside, 0);
    }
    if (IsA(node, Aggref) && is_list_of(castNode(Aggref, node), search))
        return true;
    return walk_expression(node, find_unsorted_list, context);
}

bool has_unsorted_list(const Query *query)
{
    ListSearch search = {nullptr, 0};
    return find_unsorted_list(reinterpret_cast<::Node *>(query->targetList), &search) ||
           find_unsorted_list(query->havingQual, &search);
}

/* Returns the query of a CTE that does not read itself, or nullptr. `level` is the one that reads it, and becomes the
 * one that defines it. */
Query *query_of_cte(const RangeTblEntry *entry, const Level **level)
{
    for (Index up = 0; up < entry->ctelevelsup && *level != nullptr; up++)
        *level = (*level)->outer;
    ListCell *cell;
    foreach (cell, *level == nullptr ? NIL : (*level)->query->cteList) {
        const auto *expression = lfirst_node(CommonTableExpr, cell);
        if (strcmp(expression->ctename, entry->ctename) == 0)
            return expression->cterecursive ? nullptr : castNode(Query, expression->ctequery);
    }
    return nullptr;
}

struct WholeRows {
    int index;
    int depth; /* number of sub-queries entered */
};

/* A further column would change them. */
bool find_whole_row(::Node *node, void *context)
{
    auto *search = static_cast<WholeRows *>(context);
    if (node == nullptr)
        return false;
    if (IsA(node, Var)) {
        const auto *var = castNode(Var, node);
        return static_cast<int>(var->varno) == search->index && static_cast<int>(var->varlevelsup) == search->depth &&
               var->varattno == InvalidAttrNumber;
    }
    if (IsA(node, Query)) {
        WholeRows inside = {search->index, search->depth + 1};
        return walk_query(castNode(Query, node), find_whole_row, &inside, 0);
    }
    return walk_expression(node, find_whole_row, search);
}

bool hides_keys(const Query *subquery)
{
    ListCell *cell;
    foreach (cell, subquery->sortClause)
        if (get_sortgroupclause_tle(lfirst_node(SortGroupClause, cell), subquery->targetList)->resjunk)
            return true;
    return false;
}

/* A CTE may have other readers. */
bool can_show_all(Query *query, const SortedInput &input)
{
    WholeRows search = {input.index, 0};
    ListCell *cell;
    foreach (cell, input.subquery->targetList) {
        const auto *target = lfirst_node(TargetEntry, cell);
        if (target->resjunk && get_typtype(exprType(reinterpret_cast<::Node *>(target->expr))) == TYPTYPE_PSEUDO)
            return false;
    }
    return input.entry->rtekind == RTE_SUBQUERY && !walk_query(query, find_whole_row, &search, 0);
}

/* Columns that are not returned come after those that are. A key of DISTINCT is always returned. */
void show_all(RangeTblEntry *entry)
{
    ListCell *cell;
    foreach (cell, entry->subquery->targetList) {
        auto *target = lfirst_node(TargetEntry, cell);
        if (!target->resjunk)
            continue;
        target->resjunk = false;
        target->resname = psprintf("pgt_key_%d", target->resno);
        entry->eref->colnames = lappend(entry->eref->colnames, makeString(target->resname));
    }
}

/* Returns the key as an expression of a query `depth` levels below the one that reads the input. */
Var *key_of(const SortedInput &input, const SortGroupClause *clause, int depth)
{
    const TargetEntry *target =
        get_sortgroupclause_tle(const_cast<SortGroupClause *>(clause), input.subquery->targetList);
    Var *key = makeVarFromTargetEntry(input.index, const_cast<TargetEntry *>(target));
    key->varlevelsup = depth;
    return key;
}

/* Returns the keys as clauses over `targets`, to which those that they lack are added. */
List *order_over(const SortedInput &input, List **targets, int depth)
{
    List *order = NIL;
    ListCell *cell;
    foreach (cell, input.subquery->sortClause) {
        auto *clause = static_cast<SortGroupClause *>(copyObjectImpl(lfirst(cell)));
        auto *key = reinterpret_cast<Expr *>(key_of(input, clause, depth));
        TargetEntry *target = tlist_member(key, *targets);
        if (target == nullptr) {
            target = makeTargetEntry(key, static_cast<AttrNumber>(list_length(*targets) + 1), nullptr, true);
            *targets = lappend(*targets, target);
        }
        clause->tleSortGroupRef = assignSortGroupRef(target, *targets);
        order = lappend(order, clause);
    }
    return order;
}

bool sort_lists(::Node *node, void *context)
{
    auto *search = static_cast<ListSearch *>(context);
    if (node == nullptr)
        return false;
    if (IsA(node, Query)) {
        ListSearch inside = {search->input, search->depth + 1};
        return walk_query(castNode(Query, node), sort_lists, &inside, 0);
    }
    if (IsA(node, Aggref) && is_list_of(castNode(Aggref, node), search)) {
        auto *aggregate = castNode(Aggref, node);
        aggregate->aggorder = order_over(*search->input, &aggregate->args, search->depth);
        return false;
    }
    return walk_expression(node, sort_lists, context);
}

void warn_of_order(const SortedInput &input)
{
    const auto *clause = linitial_node(SortGroupClause, input.subquery->sortClause);
    const ::Node *key = get_sortgroupclause_expr(const_cast<SortGroupClause *>(clause), input.subquery->targetList);
    ereport(WARNING, (errmsg("ORDER BY of a sub-query is ignored in a defining query"),
                      errdetail("The query around it uses the order, and cannot use a key that the sub-query does not "
                                "return."),
                      errhint("Write ORDER BY into the aggregate or window, or return the key."),
                      parser_errposition(input.state, exprLocation(key))));
}

/* A frame that begins or ends with the peers of a row is still the whole partition. */
void sort_window(Query *query, WindowClause *window, const SortedInput &input)
{
    const int frame = window->frameOptions;
    if (reads_frame(query, window) && (frame & FRAMEOPTION_ROWS) == 0)
        window->frameOptions = (frame & FRAMEOPTION_EXCLUSION) | FRAMEOPTION_NONDEFAULT | FRAMEOPTION_ROWS |
                               FRAMEOPTION_BETWEEN | FRAMEOPTION_START_UNBOUNDED_PRECEDING |
                               FRAMEOPTION_END_UNBOUNDED_FOLLOWING;
    window->orderClause = order_over(input, &query->targetList, 0);
}

/* Makes the keys columns of the sub-query; returns false if that is not possible. */
bool show_keys(Query *query, const SortedInput &input)
{
    if (!hides_keys(input.subquery))
        return true;
    if (can_show_all(query, input)) {
        show_all(input.entry);
        return true;
    }
    if (input.state != nullptr)
        warn_of_order(input);
    return false;
}

bool is_grouped(const Query *query)
{
    return query->groupClause != NIL || query->groupingSets != NIL || query->hasAggs || query->havingQual != nullptr;
}

void sort_uses(Query *query, const SortedInput &input)
{
    if (!show_keys(query, input))
        return;
    ListSearch search = {&input, 0};
    (void)sort_lists(reinterpret_cast<::Node *>(query->targetList), &search);
    (void)sort_lists(query->havingQual, &search);
    ListCell *cell;
    foreach (cell, is_grouped(query) ? NIL : split_windows_that_show_order(query))
        sort_window(query, lfirst_node(WindowClause, cell), input);
}

/* Whether the rows of the level are those of one input, and nothing but its windows and DISTINCT may sort them. */
bool may_pass_order_on(const Query *query)
{
    return query->sortClause == NIL && !is_grouped(query) && !query->hasTargetSRFs && query->setOperations == nullptr &&
           (query->distinctClause == NIL || query->hasDistinctOn);
}

/* Whether the first keys of the input are the `clauses` of the level, so that PostgreSQL does not sort by these. */
bool is_sorted_by(const Query *query, const List *clauses, const SortedInput &input)
{
    if (list_length(clauses) > list_length(input.subquery->sortClause))
        return false;
    ListCell *cell;
    foreach (cell, clauses) {
        auto *clause = lfirst_node(SortGroupClause, cell);
        const auto *sorted = list_nth_node(SortGroupClause, input.subquery->sortClause, foreach_current_index(cell));
        if (clause->sortop != sorted->sortop || clause->nulls_first != sorted->nulls_first ||
            !equal(get_sortgroupclause_expr(clause, query->targetList), key_of(input, sorted, 0)))
            return false;
    }
    return true;
}

/* Whether PostgreSQL passes the rows of the input on in their order. */
bool passes_order_on(const Query *query, const SortedInput &input)
{
    if (!may_pass_order_on(query) || !is_sorted_by(query, query->distinctClause, input))
        return false;
    ListCell *cell;
    foreach (cell, query->windowClause) {
        const auto *window = lfirst_node(WindowClause, cell);
        if (!is_sorted_by(query, list_concat_copy(window->partitionClause, window->orderClause), input))
            return false;
    }
    return true;
}

void sort_rows(Query *query, const SortedInput &input)
{
    if (!show_keys(query, input))
        return;
    query->sortClause = order_over(input, &query->targetList, 0);
    if (query->hasDistinctOn) /* by the targets of the order, of which some may be equal to others */
        query->distinctClause = static_cast<List *>(
            copyObjectImpl(list_truncate(list_copy(query->sortClause), list_length(query->distinctClause))));
}

/* Finds the FROM clause of the level if it is one sub-query or CTE, with an order of its own or that of its input,
 * which is then written into it. */
bool find_sorted_input(const Level &level, SortedInput *found)
{
    const FromExpr *from = level.query->jointree;
    if (from == nullptr || list_length(from->fromlist) != 1 || !IsA(linitial(from->fromlist), RangeTblRef))
        return false;
    const int index = linitial_node(RangeTblRef, from->fromlist)->rtindex;
    RangeTblEntry *entry = rt_fetch(index, level.query->rtable);
    Level inside = {level.state, nullptr, &level, Reader::rows, level.is_for_choice};
    if (entry->rtekind == RTE_SUBQUERY)
        inside.query = entry->subquery;
    else if (entry->rtekind == RTE_CTE)
        inside.query = query_of_cte(entry, &inside.outer);
    *found = {level.state, index, entry, inside.query};
    if (inside.query == nullptr || inside.query->sortClause != NIL)
        return inside.query != nullptr;
    SortedInput deeper;
    if (may_pass_order_on(inside.query) && find_sorted_input(inside, &deeper) && passes_order_on(inside.query, deeper))
        sort_rows(inside.query, deeper);
    return inside.query->sortClause != NIL;
}

/* Whether the order of its rows decides which of them the level has, or the array that it becomes. */
bool is_read_in_order(const Level &level)
{
    const Query *query = level.query;
    if (level.is_for_choice)
        return query->hasDistinctOn || (level.reader != Reader::existence && leaves_choice_of_rows(query));
    return level.reader == Reader::array;
}

void sort_within(const Level &level)
{
    Query *query = level.query;
    SortedInput input;
    if (is_read_in_order(level) && may_pass_order_on(query) && find_sorted_input(level, &input) &&
        passes_order_on(query, input))
        sort_rows(query, input);
    if (level.is_for_choice)
        return;
    const bool has_window = !is_grouped(query) && has_window_that_shows_order(query);
    if ((has_window || has_unsorted_list(query)) && find_sorted_input(level, &input))
        sort_uses(query, input);
}

bool sort_levels(::Node *node, void *context);

bool sort_level(::Node *query, const Level *outer, Reader reader)
{
    Level level = *outer;
    level.query = castNode(Query, query);
    level.outer = outer->query == nullptr ? nullptr : outer;
    level.reader = reader;
    sort_within(level);
    return walk_query(level.query, sort_levels, &level, 0);
}

bool sort_levels(::Node *node, void *context)
{
    const auto *outer = static_cast<const Level *>(context);
    if (node == nullptr)
        return false;
    if (IsA(node, Query))
        return sort_level(node, outer, Reader::rows);
    if (!IsA(node, SubLink))
        return walk_expression(node, sort_levels, context);
    const auto *link = castNode(SubLink, node);
    const Reader reader = link->subLinkType == ARRAY_SUBLINK    ? Reader::array
                          : link->subLinkType == EXISTS_SUBLINK ? Reader::existence
                                                                : Reader::rows;
    return sort_levels(link->testexpr, context) || sort_level(link->subselect, outer, reader);
}

void sort_query(Query *query, const char *text, bool is_for_choice)
{
    ParseState *state = make_parsestate(nullptr);
    state->p_sourcetext = text;
    Level outside = {state, nullptr, nullptr, Reader::rows, is_for_choice};
    (void)sort_levels(reinterpret_cast<::Node *>(query), &outside);
    free_parsestate(state);
}

} // namespace

void choose_rows_by_subqueries(Query *query, const char *text)
{
    sort_query(query, text, true);
}

void write_order_of_subqueries(Query *query, const char *text)
{
    sort_query(query, text, false);
}

void use_order_of_views(Query *expanded)
{
    for (const bool is_for_choice : {true, false}) {
        Level outside = {nullptr, nullptr, nullptr, Reader::rows, is_for_choice};
        (void)sort_levels(reinterpret_cast<::Node *>(expanded), &outside);
    }
}

} // namespace pgtrickle::definition
