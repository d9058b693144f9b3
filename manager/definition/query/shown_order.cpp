#include "definition/query/shown_order.hpp"

#include "pg/walker.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

#include <algorithm>

namespace pgtrickle::definition {

namespace {

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

/* Without an order, only ROWS can divide the partition. */
bool is_whole_partition(int frame)
{
    const int ends = FRAMEOPTION_START_UNBOUNDED_PRECEDING | FRAMEOPTION_END_UNBOUNDED_FOLLOWING;
    return (frame & FRAMEOPTION_ROWS) == 0 || (frame & ends) == ends;
}

bool excludes_peers(int frame)
{
    return (frame & (FRAMEOPTION_EXCLUDE_GROUP | FRAMEOPTION_EXCLUDE_TIES)) != 0;
}

/* Whether an order would give the function fewer peers. In a window without one, all rows are peers. */
bool reads_peers(const WindowFunc *function, int frame)
{
    if (numbers_rows(function->winfnoid))
        return false;
    return excludes_peers(frame) || (!function->winagg && !picks_row(function->winfnoid));
}

bool shows_order(const WindowFunc *function, int frame)
{
    if (numbers_rows(function->winfnoid))
        return true;
    return !reads_peers(function, frame) && (picks_row(function->winfnoid) || !is_whole_partition(frame) ||
                                             is_list(function->winfnoid, function->wintype));
}

/* How the functions of a window depend on the order of its rows. */
struct WindowUse {
    const WindowClause *window;
    Index moved_to; /* a window for the functions that show the order, or 0 */
    bool shows_order;
    bool reads_peers;
    bool reads_frame;
};

bool note_use(::Node *node, void *context)
{
    auto *use = static_cast<WindowUse *>(context);
    if (node == nullptr)
        return false;
    if (IsA(node, WindowFunc) && castNode(WindowFunc, node)->winref == use->window->winref) {
        auto *function = castNode(WindowFunc, node);
        const int frame = use->window->frameOptions;
        const bool shows = shows_order(function, frame);
        use->shows_order |= shows;
        use->reads_peers |= reads_peers(function, frame);
        use->reads_frame |= !numbers_rows(function->winfnoid);
        if (shows && use->moved_to != 0)
            function->winref = use->moved_to;
    }
    return walk_expression(node, note_use, context);
}

WindowUse use_of(const Query *query, const WindowClause *window, Index moved_to)
{
    WindowUse use = {window, moved_to, false, false, false};
    (void)note_use(reinterpret_cast<::Node *>(query->targetList), &use);
    return use;
}

/* Returns a copy of the window, which the functions that show the order now use. */
WindowClause *copy_for_order(Query *query, const WindowClause *window)
{
    auto *copy = static_cast<WindowClause *>(copyObjectImpl(window));
    ListCell *cell;
    foreach (cell, query->windowClause)
        copy->winref = std::max(copy->winref, lfirst_node(WindowClause, cell)->winref);
    copy->winref++;
    copy->name = nullptr;
    (void)use_of(query, window, copy->winref);
    query->windowClause = lappend(query->windowClause, copy);
    return copy;
}

/* A window that another one defines has its clauses already, and is printed with them from now on. */
void make_independent(const Query *query)
{
    ListCell *cell;
    foreach (cell, query->windowClause) {
        auto *window = lfirst_node(WindowClause, cell);
        window->refname = nullptr;
        window->copiedOrder = false;
    }
}

bool shows_order_without(const Query *query, const WindowClause *window)
{
    return window->orderClause == NIL && use_of(query, window, 0).shows_order;
}

} // namespace

bool is_unsorted_list(const Aggref *aggregate)
{
    return aggregate->aggkind == AGGKIND_NORMAL && aggregate->args != NIL && aggregate->aggorder == NIL &&
           aggregate->aggdistinct == NIL && is_list(aggregate->aggfnoid, aggregate->aggtype);
}

bool has_window_that_shows_order(const Query *query)
{
    ListCell *cell;
    foreach (cell, query->windowClause)
        if (shows_order_without(query, lfirst_node(WindowClause, cell)))
            return true;
    return false;
}

List *split_windows_that_show_order(Query *query)
{
    List *found = NIL;
    ListCell *cell;
    foreach (cell, list_copy(query->windowClause)) {
        auto *window = lfirst_node(WindowClause, cell);
        if (!shows_order_without(query, window))
            continue;
        make_independent(query);
        found = lappend(found, use_of(query, window, 0).reads_peers ? copy_for_order(query, window) : window);
    }
    return found;
}

bool reads_frame(const Query *query, const WindowClause *window)
{
    return use_of(query, window, 0).reads_frame;
}

} // namespace pgtrickle::definition
