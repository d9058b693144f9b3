#include "translate/subquery/guard.hpp"

#include "pg/walker.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteManip.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::translate {

namespace {

template <class T> T *copied_node(const T *node)
{
    return static_cast<T *>(copyObjectImpl(node));
}

Node *constant(bool value)
{
    return makeBoolConst(value, false);
}

CaseWhen *when(Node *condition, Node *result)
{
    CaseWhen *branch = makeNode(CaseWhen);
    branch->expr = reinterpret_cast<Expr *>(condition);
    branch->result = reinterpret_cast<Expr *>(result);
    branch->location = -1;
    return branch;
}

Node *case_of(Expr *argument, List *branches, Node *otherwise)
{
    CaseExpr *result = makeNode(CaseExpr);
    result->casetype = BOOLOID;
    result->arg = argument;
    result->args = branches;
    result->defresult = reinterpret_cast<Expr *>(otherwise);
    result->location = -1;
    return reinterpret_cast<Node *>(result);
}

/* Returns the condition that both are true, of which the inner one is evaluated only if the outer one is. */
Node *both(Node *outer, Node *inner)
{
    if (outer == nullptr || inner == nullptr)
        return outer == nullptr ? inner : outer;
    return case_of(nullptr, list_make1(when(copied_node(outer), inner)), constant(false));
}

/* Returns whether the first `count` conditions are not true and, if `is_taken`, the next one is. */
Node *after_conditions(const CaseExpr *expression, int count, bool is_taken)
{
    List *branches = NIL;
    for (int i = 0; i < count + (is_taken ? 1 : 0); i++) {
        auto *condition = reinterpret_cast<Node *>(list_nth_node(CaseWhen, expression->args, i)->expr);
        branches = lappend(branches, when(copied_node(condition), constant(i == count)));
    }
    return branches == NIL ? nullptr : case_of(copied_node(expression->arg), branches, constant(!is_taken));
}

/* Returns whether the first `count` arguments are NULL. Each is evaluated only if those before it are, as a later one
 * may fail otherwise: PostgreSQL may evaluate the arguments of an AND in another order. */
Node *after_nulls(const CoalesceExpr *expression, int count)
{
    Node *result = nullptr;
    for (int i = 0; i < count; i++) {
        NullTest *test = makeNode(NullTest);
        test->arg = copied_node(static_cast<Expr *>(list_nth(expression->args, i)));
        test->nulltesttype = IS_NULL;
        test->location = -1;
        result = both(result, reinterpret_cast<Node *>(test));
    }
    return result;
}

/* Whether the expression compares something with the rows of a subquery. */
bool reads_rows(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (IsA(node, Param))
        return castNode(Param, node)->paramkind == PARAM_SUBLINK;
    return walk_expression(node, reads_rows, context);
}

/* Returns whether none of the first `count` arguments of AND is false, or of OR true. As above. Each row that a row is
 * compared with has arguments of its own, which are taken to leave the answer open. */
Node *after_arguments(const BoolExpr *expression, int count)
{
    Node *result = nullptr;
    for (int i = 0; i < count; i++) {
        auto *argument = static_cast<Expr *>(list_nth(expression->args, i));
        if (reads_rows(reinterpret_cast<Node *>(argument), nullptr))
            continue;
        BooleanTest *test = makeNode(BooleanTest);
        test->arg = copied_node(argument);
        test->booltesttype = expression->boolop == AND_EXPR ? IS_NOT_FALSE : IS_NOT_TRUE;
        test->location = -1;
        result = both(result, reinterpret_cast<Node *>(test));
    }
    return result;
}

struct Search {
    SubLink *link;
    bool is_correlated;
    Node *guard; /* under which the nodes that are walked are evaluated; null: always */
    List *found; /* the guards of the link */
    bool is_always_evaluated;

    bool counts_booleans() const
    {
        return is_correlated && link->subLinkType != EXISTS_SUBLINK && link->subLinkType != ANY_SUBLINK &&
               link->subLinkType != ALL_SUBLINK;
    }
};

/* Whether the node contains the link, which is `context`, also where it is compared with the rows of another one. */
bool contains(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (!IsA(node, SubLink))
        return walk_expression(node, contains, context);
    return equal(node, context) || contains(castNode(SubLink, node)->testexpr, context);
}

bool visit(Node *node, void *context);

void visit_under(void *node, Node *guard, Search *search)
{
    Node *outer = search->guard;
    search->guard = both(outer, guard);
    (void)visit(static_cast<Node *>(node), search);
    search->guard = outer;
}

void visit_case(CaseExpr *expression, Search *search)
{
    visit_under(expression->arg, nullptr, search);
    const int count = list_length(expression->args);
    for (int i = 0; i < count; i++) {
        auto *branch = list_nth_node(CaseWhen, expression->args, i);
        visit_under(branch->expr, after_conditions(expression, i, false), search);
        visit_under(branch->result, after_conditions(expression, i, true), search);
    }
    visit_under(expression->defresult, after_conditions(expression, count, false), search);
}

/* Aggregates and window functions are computed wherever they are written: their arguments are evaluated for all rows
 * that FILTER selects. */
void visit_call(List *direct, List *args, Expr *filter, Search *search)
{
    Node *outer = search->guard;
    search->guard = nullptr;
    visit_under(direct, nullptr, search);
    visit_under(filter, nullptr, search);
    visit_under(args, reinterpret_cast<Node *>(filter), search);
    search->guard = outer;
}

bool visit(Node *node, void *context)
{
    auto *search = static_cast<Search *>(context);
    if (node == nullptr)
        return false;
    ListCell *cell;
    if (IsA(node, SubLink)) {
        if (!equal(node, search->link))
            return visit(castNode(SubLink, node)->testexpr, context);
        if (search->guard == nullptr)
            search->is_always_evaluated = true;
        else if (!contains(search->guard, search->link)) /* evaluated before, where its rows are these or more */
            search->found = lappend(search->found, search->guard);
    } else if (IsA(node, CaseExpr)) {
        visit_case(castNode(CaseExpr, node), search);
    } else if (IsA(node, Aggref)) {
        const auto *aggregate = castNode(Aggref, node);
        visit_call(aggregate->aggdirectargs, aggregate->args, aggregate->aggfilter, search);
    } else if (IsA(node, WindowFunc)) {
        const auto *function = castNode(WindowFunc, node);
        visit_call(NIL, function->args, function->aggfilter, search);
    } else if (IsA(node, CoalesceExpr)) {
        const auto *expression = castNode(CoalesceExpr, node);
        foreach (cell, expression->args)
            visit_under(lfirst(cell), after_nulls(expression, foreach_current_index(cell)), search);
    } else if (IsA(node, BoolExpr) && search->counts_booleans()) {
        const auto *expression = castNode(BoolExpr, node);
        foreach (cell, expression->args)
            visit_under(lfirst(cell), after_arguments(expression, foreach_current_index(cell)), search);
    } else {
        return walk_expression(node, visit, context);
    }
    return false;
}

Search searched(List *expressions, SubLink *link, bool is_correlated, Node *outer)
{
    Search search = {link, is_correlated, outer, NIL, false};
    ListCell *cell;
    foreach (cell, expressions)
        (void)visit(static_cast<Node *>(lfirst(cell)), &search);
    return search;
}

struct Columns {
    Node *const *items;
    size_t count;
};

/* Whether the node has a part that is none of the columns, and is not computed from them. */
bool finds_other(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    const auto *columns = static_cast<const Columns *>(context);
    for (size_t i = 0; i < columns->count; i++)
        if (columns->items[i] != nullptr && equal(columns->items[i], node))
            return false;
    if (IsA(node, Var) || IsA(node, Aggref) || IsA(node, GroupingFunc) || IsA(node, WindowFunc) || IsA(node, SubLink) ||
        IsA(node, Param))
        return true;
    return walk_expression(node, finds_other, context);
}

} // namespace

Node *guard_of(List *expressions, SubLink *link, bool is_correlated, Node *outer)
{
    const Search search = searched(expressions, link, is_correlated, outer);
    if (search.is_always_evaluated || search.found == NIL)
        return nullptr;
    List *branches = NIL;
    ListCell *cell;
    foreach (cell, search.found)
        branches = lappend(branches, when(static_cast<Node *>(lfirst(cell)), constant(true)));
    return list_length(branches) == 1 ? static_cast<Node *>(linitial(search.found))
                                      : case_of(nullptr, branches, constant(false));
}

bool is_behind_windows(List *expressions, SubLink *link, bool is_correlated)
{
    const Search search = searched(expressions, link, is_correlated, nullptr);
    bool is_behind = !search.is_always_evaluated && search.found != NIL;
    ListCell *cell;
    foreach (cell, search.found)
        is_behind = is_behind && contain_windowfuncs(static_cast<Node *>(lfirst(cell)));
    return is_behind;
}

bool can_be_computed(Node *expression, Node *const *columns, size_t count)
{
    Columns all = {columns, count};
    return !finds_other(expression, &all);
}

} // namespace pgtrickle::translate
