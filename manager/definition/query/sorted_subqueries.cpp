#include "definition/query/sorted_subqueries.hpp"

#include "pg/limit.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/tlist.h"
#include "parser/parse_clause.h"
#include "parser/parse_node.h"
#include "parser/parsetree.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
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

bool is_extremum(Oid aggregate)
{
    HeapTuple tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for aggregate %u", aggregate);
    const bool found = OidIsValid(reinterpret_cast<Form_pg_aggregate>(GETSTRUCT(tuple))->aggsortop);
    ReleaseSysCache(tuple);
    return found;
}

/* Whether the value of the aggregate shows in which order it got its rows. That of any of a user's may. */
bool is_list(Oid aggregate, Oid type)
{
    if (get_func_namespace(aggregate) != PG_CATALOG_NAMESPACE)
        return true;
    const bool holds_many = type == TEXTOID || type == BYTEAOID || type == JSONOID || type == JSONBOID ||
                            type == XMLOID || OidIsValid(get_element_type(type));
    return holds_many && !is_extremum(aggregate);
}

bool is_unsorted_list(const Aggref *aggregate)
{
    return aggregate->agglevelsup == 0 && aggregate->aggkind == AGGKIND_NORMAL && aggregate->args != NIL &&
           aggregate->aggorder == NIL && aggregate->aggdistinct == NIL &&
           is_list(aggregate->aggfnoid, aggregate->aggtype);
}

/* Whether the value of the window function does not depend on the frame. */
bool numbers_rows(Oid function)
{
    switch (function) {
    case F_ROW_NUMBER:
    case F_NTILE:
    case F_LAG_ANYELEMENT:
    case F_LAG_ANYELEMENT_INT4:
    case F_LAG_ANYCOMPATIBLE_INT4_ANYCOMPATIBLE:
    case F_LEAD_ANYELEMENT:
    case F_LEAD_ANYELEMENT_INT4:
    case F_LEAD_ANYCOMPATIBLE_INT4_ANYCOMPATIBLE: return true;
    default: return false;
    }
}

bool picks_row(Oid function)
{
    return function == F_FIRST_VALUE || function == F_LAST_VALUE || function == F_NTH_VALUE;
}

/* How the functions of a window without an order, in which all rows are peers, depend on the order of its rows. */
struct WindowUse {
    const WindowClause *window;
    bool shows_order;
    bool reads_frame;
    bool reads_peers; /* an order would give a function fewer of them */
};

/* Without an order, only ROWS can divide the partition. */
bool is_whole_partition(int frame)
{
    const int ends = FRAMEOPTION_START_UNBOUNDED_PRECEDING | FRAMEOPTION_END_UNBOUNDED_FOLLOWING;
    return (frame & FRAMEOPTION_ROWS) == 0 || (frame & ends) == ends;
}

bool note_use(::Node *node, void *context)
{
    auto *use = static_cast<WindowUse *>(context);
    if (node == nullptr)
        return false;
    if (IsA(node, WindowFunc) && castNode(WindowFunc, node)->winref == use->window->winref) {
        const auto *function = castNode(WindowFunc, node);
        const int frame = use->window->frameOptions;
        const bool numbers = numbers_rows(function->winfnoid), picks = picks_row(function->winfnoid);
        const bool is_of_peers = !function->winagg && !numbers && !picks;
        const bool excludes_peers = (frame & (FRAMEOPTION_EXCLUDE_GROUP | FRAMEOPTION_EXCLUDE_TIES)) != 0;
        use->shows_order |= numbers || picks || !is_whole_partition(frame) ||
                            (function->winagg && is_list(function->winfnoid, function->wintype));
        use->reads_frame |= !numbers;
        use->reads_peers |= is_of_peers || (excludes_peers && !numbers);
    }
    return walk_expression(node, note_use, context);
}

WindowUse use_of(const Query *query, const WindowClause *window)
{
    WindowUse use = {window, false, false, false};
    (void)note_use(reinterpret_cast<::Node *>(query->targetList), &use);
    return use;
}

/* Whether the window is defined by another one, or another one by it, which would get an order as well. */
bool is_shared(const Query *query, const WindowClause *window)
{
    if (window->refname != nullptr)
        return true;
    ListCell *cell;
    foreach (cell, window->name == nullptr ? NIL : query->windowClause) {
        const char *referred = lfirst_node(WindowClause, cell)->refname;
        if (referred != nullptr && strcmp(referred, window->name) == 0)
            return true;
    }
    return false;
}

List *unsorted_windows(Query *query)
{
    List *found = NIL;
    ListCell *cell;
    if (query->groupClause != NIL || query->groupingSets != NIL || query->hasAggs || query->havingQual != nullptr)
        return NIL;
    foreach (cell, query->windowClause) {
        auto *window = lfirst_node(WindowClause, cell);
        const WindowUse use = use_of(query, window);
        if (window->orderClause == NIL && !is_shared(query, window) && use.shows_order && !use.reads_peers)
            found = lappend(found, window);
    }
    return found;
}

bool find_unsorted_list(::Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (IsA(node, Aggref) && is_unsorted_list(castNode(Aggref, node)))
        return true;
    return walk_expression(node, find_unsorted_list, context);
}

/* Returns the query of a CTE that does not read itself, or nullptr. */
Query *query_of_cte(const Level *level, const RangeTblEntry *entry)
{
    for (Index up = 0; up < entry->ctelevelsup && level != nullptr; up++)
        level = level->outer;
    ListCell *cell;
    foreach (cell, level == nullptr ? NIL : level->query->cteList) {
        const auto *expression = lfirst_node(CommonTableExpr, cell);
        if (strcmp(expression->ctename, entry->ctename) == 0)
            return expression->cterecursive ? nullptr : castNode(Query, expression->ctequery);
    }
    return nullptr;
}

/* Finds the FROM clause of the level if it is one sub-query or CTE, with an order. */
bool has_sorted_input(const Level *level, SortedInput *found)
{
    const FromExpr *from = level->query->jointree;
    if (from == nullptr || list_length(from->fromlist) != 1 || !IsA(linitial(from->fromlist), RangeTblRef))
        return false;
    const int index = linitial_node(RangeTblRef, from->fromlist)->rtindex;
    RangeTblEntry *entry = rt_fetch(index, level->query->rtable);
    Query *subquery = entry->rtekind == RTE_SUBQUERY ? entry->subquery
                      : entry->rtekind == RTE_CTE    ? query_of_cte(level, entry)
                                                     : nullptr;
    *found = {level->state, index, entry, subquery};
    return subquery != nullptr && subquery->sortClause != NIL;
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

Var *key_of(const SortedInput &input, const SortGroupClause *clause)
{
    const TargetEntry *target =
        get_sortgroupclause_tle(const_cast<SortGroupClause *>(clause), input.subquery->targetList);
    return makeVarFromTargetEntry(input.index, const_cast<TargetEntry *>(target));
}

/* Returns the keys as clauses over `targets`, to which those that they lack are added. */
List *order_over(const SortedInput &input, List **targets)
{
    List *order = NIL;
    ListCell *cell;
    foreach (cell, input.subquery->sortClause) {
        auto *clause = static_cast<SortGroupClause *>(copyObjectImpl(lfirst(cell)));
        auto *key = reinterpret_cast<Expr *>(key_of(input, clause));
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
    if (node == nullptr)
        return false;
    if (IsA(node, Aggref) && is_unsorted_list(castNode(Aggref, node))) {
        auto *aggregate = castNode(Aggref, node);
        aggregate->aggorder = order_over(*static_cast<const SortedInput *>(context), &aggregate->args);
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
    if (use_of(query, window).reads_frame && (frame & FRAMEOPTION_ROWS) == 0)
        window->frameOptions = (frame & FRAMEOPTION_EXCLUSION) | FRAMEOPTION_NONDEFAULT | FRAMEOPTION_ROWS |
                               FRAMEOPTION_BETWEEN | FRAMEOPTION_START_UNBOUNDED_PRECEDING |
                               FRAMEOPTION_END_UNBOUNDED_FOLLOWING;
    window->orderClause = order_over(input, &query->targetList);
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

void sort_uses(Query *query, const List *windows, SortedInput *input)
{
    if (!show_keys(query, *input))
        return;
    (void)sort_lists(reinterpret_cast<::Node *>(query->targetList), input);
    (void)sort_lists(query->havingQual, input);
    ListCell *cell;
    foreach (cell, windows)
        sort_window(query, lfirst_node(WindowClause, cell), *input);
}

/* Whether the rows of the level are those of its input, in the same order, but for a DISTINCT. */
bool passes_order_on(const Query *query)
{
    return query->sortClause == NIL && query->groupClause == NIL && query->groupingSets == NIL && !query->hasAggs &&
           query->havingQual == nullptr && !query->hasWindowFuncs && !query->hasTargetSRFs &&
           query->setOperations == nullptr;
}

/* Whether the input is sorted as DISTINCT ON needs its rows, which PostgreSQL then does not sort again. */
bool is_sorted_for_distinct(const Query *query, const SortedInput &input)
{
    if (!query->hasDistinctOn || list_length(query->distinctClause) > list_length(input.subquery->sortClause))
        return false;
    ListCell *cell;
    foreach (cell, query->distinctClause) {
        auto *clause = lfirst_node(SortGroupClause, cell);
        const auto *sorted = list_nth_node(SortGroupClause, input.subquery->sortClause, foreach_current_index(cell));
        if (clause->sortop != sorted->sortop || clause->nulls_first != sorted->nulls_first ||
            !equal(get_sortgroupclause_expr(clause, query->targetList), key_of(input, sorted)))
            return false;
    }
    return true;
}

void sort_rows(Query *query, const SortedInput &input)
{
    if (!show_keys(query, input))
        return;
    query->sortClause = order_over(input, &query->targetList);
    if (query->hasDistinctOn) /* by the targets of the order, of which some may be equal to others */
        query->distinctClause = static_cast<List *>(
            copyObjectImpl(list_truncate(list_copy(query->sortClause), list_length(query->distinctClause))));
}

/* Whether the order decides which rows the level has. */
bool chooses_by_order(const Level &level, const SortedInput &input)
{
    if (level.query->distinctClause != NIL)
        return is_sorted_for_distinct(level.query, input);
    return level.reader != Reader::existence && leaves_choice_of_rows(level.query);
}

void sort_within(const Level &level)
{
    Query *query = level.query;
    SortedInput input;
    if (!has_sorted_input(&level, &input))
        return;
    const bool is_array = level.reader == Reader::array && query->distinctClause == NIL;
    if (passes_order_on(query) && (level.is_for_choice ? chooses_by_order(level, input) : is_array))
        return sort_rows(query, input);
    if (level.is_for_choice)
        return;
    const List *windows = unsorted_windows(query);
    if (windows != NIL || find_unsorted_list(reinterpret_cast<::Node *>(query->targetList), nullptr) ||
        find_unsorted_list(query->havingQual, nullptr))
        sort_uses(query, windows, &input);
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
