/*
 * Subqueries in expressions.
 *
 *   [NOT] EXISTS, [NOT] IN, op ANY, op ALL as a conjunct     a semi or anti join
 *   these anywhere else                                      a mark join, whose boolean is read
 *   scalar subquery, ARRAY (subquery)                        a join with its value
 *   scalar subqueries that are not correlated, in a conjunct  a semi join with their row
 *
 * x op ANY (S) is TRUE if the test is true for a row of S, else NULL if it is NULL for one, else FALSE:
 *
 *     m OR (n AND NULL)     m: a row passes the test;  n: the test is NULL for a row
 *
 * and x op ALL (S) is NOT (x negated op ANY (S)). Where the test is a conjunction of equalities (and other
 * comparisons that are NULL only for a NULL), n can be computed from NULLs: for one column, "S has a row with
 * NULL, or x is NULL and S has a row"; n is not needed where no NULL can occur.
 */
#include "translate/subquery/sublink.hpp"
#include "translate/check/can_fail.hpp"
#include "translate/level/window.hpp"
#include "translate/subquery/guard.hpp"

#include "pg/walker.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
}

#include <algorithm>

namespace pgtrickle::translate {

namespace {

/* The functions from here to replaced() are PostgreSQL frames. */

struct SublinkSearch {
    List *found;
    SublinkMoment moment;
};

bool find_sublinks(Node *node, void *context)
{
    auto *search = static_cast<SublinkSearch *>(context);
    if (node == nullptr)
        return false;
    if (!IsA(node, SubLink))
        return walk_expression(node, find_sublinks, context);
    if (Node *test = castNode(SubLink, node)->testexpr;
        search->moment == SublinkMoment::before_windows && contain_windowfuncs(test))
        return find_sublinks(test, context);
    search->found = list_append_unique(search->found, node);
    return false;
}

struct Replacing {
    Node *const *originals;
    Node *const *replacements;
    size_t count;
};

Node *replacement_of(const Node *node, const Replacing &replacing)
{
    for (size_t i = 0; i < replacing.count; i++) {
        if (nodeTag(node) == nodeTag(replacing.originals[i]) && equal(node, replacing.originals[i]))
            return static_cast<Node *>(copyObjectImpl(replacing.replacements[i]));
    }
    return nullptr;
}

Node *replace(Node *node, void *context)
{
    if (node == nullptr)
        return nullptr;
    if (Node *replacement = replacement_of(node, *static_cast<const Replacing *>(context)))
        return replacement;
    return mutate_expression(node, replace, context);
}

} // namespace

Node *replaced(Node *node, const std::vector<Node *> &originals, const std::vector<Node *> &replacements)
{
    Replacing replacing = {originals.data(), replacements.data(), originals.size()};
    return call([&] { return replace(node, &replacing); });
}

std::vector<Node *> sublinks_of(Node *node, SublinkMoment moment)
{
    List *found = call([&] {
        SublinkSearch search = {NIL, moment};
        (void)find_sublinks(node, &search);
        return search.found;
    });
    std::vector<Node *> links;
    ListCell *cell;
    foreach (cell, found)
        links.push_back(static_cast<Node *>(lfirst(cell)));
    return links;
}

bool has_sublink(Node *node)
{
    return !sublinks_of(node).empty();
}

namespace {

/* PostgreSQL frame. */
List *list_of(const std::vector<Node *> &nodes)
{
    List *list = NIL;
    for (Node *node : nodes)
        list = lappend(list, node);
    return list;
}

/* Returns the guard of a subquery that may fail, over the columns of `input`, which has the values of those before it;
 * null if there is none. The nodes are evaluated under `outer`, which is what is left of a guard that cannot be
 * computed: one that reads the rows of the subquery with which they are compared. */
Node *guard_over(const Input &input, SubLink *link, bool is_correlated, const std::vector<Node *> &nodes,
                 const std::vector<Node *> &before, const std::vector<Node *> &values, Node *outer)
{
    if (!call([&] { return may_fail_in(link); }))
        return nullptr;
    Node *guard = call([&] { return guard_of(list_of(nodes), link, is_correlated, outer); });
    if (guard == nullptr)
        return outer;
    guard = replaced(guard, before, values);
    Node *const *columns = input.scope.data();
    const size_t count = input.scope.size();
    return call([&] { return can_be_computed(guard, columns, count); }) ? guard : outer;
}

/* Whether windows decide for which rows a subquery that may fail is evaluated: it is computed after these, under its
 * guard. */
bool is_read_behind_windows(Translator &translator, SubLink *link, const std::vector<Node *> &nodes)
{
    if (!call([&] { return may_fail_in(link); }))
        return false;
    const bool is_correlated = translator.is_correlated(link);
    return call([&] { return is_behind_windows(list_of(nodes), link, is_correlated); });
}

} // namespace

bool Translator::is_correlated(const SubLink *link)
{
    return !detached(castNode(Query, link->subselect), next_param_).references.empty();
}

SublinkValues Translator::sublink_values(const Level &level, Input &input, const std::vector<Node *> &nodes,
                                         SublinkMoment moment, Node *guard_of_nodes)
{
    SublinkValues result;
    auto &[links, values] = result;
    for (Node *node : nodes) {
        for (Node *link : sublinks_of(node, moment)) {
            const bool is_later = moment == SublinkMoment::before_windows &&
                                  is_read_behind_windows(*this, castNode(SubLink, link), nodes);
            if (!is_later && position_in(links, link) < 0)
                links.push_back(link);
        }
    }
    for (Node *link : links) {
        auto *subquery = castNode(SubLink, link);
        Node *guard = guard_over(input, subquery, is_correlated(subquery), nodes,
                                 {links.begin(), links.begin() + values.size()}, values, guard_of_nodes);
        values.push_back(SublinkOver(*this, level, input, subquery, guard).value());
    }
    return result;
}

void Translator::evaluate_sublinks(const Level &level, Input &input, std::vector<Node *> &nodes, SublinkMoment moment,
                                   Node *guard_of_nodes)
{
    const SublinkValues found = sublink_values(level, input, nodes, moment, guard_of_nodes);
    if (found.links.empty())
        return;
    for (Node *&node : nodes) {
        const int32 typmod = value_type(node).typmod;
        node = replaced(node, found.links, found.values);
        node = call([&] { return with_typmod(node, typmod); });
    }
}

void Translator::evaluate_targets(const Level &level, Input &input, Query *query, const std::vector<int> &numbers,
                                  SublinkMoment moment)
{
    std::vector<Node *> nodes;
    ListCell *cell;
    bool has_any = false;
    const std::vector<Node *> sets = set_targets(query);
    auto is_asked_for = [&](const TargetEntry *entry) {
        return std::find(numbers.begin(), numbers.end(), entry->resno) != numbers.end();
    };
    std::vector<Node *> windows;
    foreach (cell, query->targetList) {
        const auto *entry = lfirst_node(TargetEntry, cell);
        if (is_asked_for(entry) && query->hasWindowFuncs)
            windows.push_back(reinterpret_cast<Node *>(entry->expr));
    }
    windows = window_keys(query, windows);
    auto is_read = [&](const TargetEntry *entry) {
        auto *node = reinterpret_cast<Node *>(entry->expr);
        return is_asked_for(entry) || position_in(sets, node) >= 0 || position_in(windows, node) >= 0;
    };
    std::vector<int> places;
    foreach (cell, query->targetList) {
        const auto *entry = lfirst_node(TargetEntry, cell);
        if (!is_read(entry))
            continue;
        places.push_back(foreach_current_index(cell));
        nodes.push_back(reinterpret_cast<Node *>(entry->expr));
        has_any = has_any || has_sublink(nodes.back());
    }
    if (!has_any)
        return;
    evaluate_sublinks(level, input, nodes, moment);
    query->targetList = call([&] { return static_cast<List *>(copyObjectImpl(query->targetList)); });
    for (size_t i = 0; i < places.size(); i++)
        list_nth_node(TargetEntry, query->targetList, places[i])->expr = reinterpret_cast<Expr *>(nodes[i]);
}

namespace {

/* The functions from here to replace_at_depth() are PostgreSQL frames. An aggregate of the level may be in a subquery,
 * `depth` levels further in. */

/* Returns a copy of an expression over this level that is written `depth` levels further in, as this level has it. */
Node *lifted(Node *node, Index depth)
{
    auto *own = static_cast<Node *>(copyObjectImpl(node));
    IncrementVarSublevelsUp(own, -static_cast<int>(depth), static_cast<int>(depth));
    return own;
}

bool is_own_aggregate(const Node *node, Index depth)
{
    return IsA(node, Aggref) && reinterpret_cast<const Aggref *>(node)->agglevelsup == depth;
}

struct Finding {
    List *found;
    Index depth;
};

bool find_aggregates(Node *node, void *context)
{
    auto *finding = static_cast<Finding *>(context);
    if (node == nullptr)
        return false;
    if (is_own_aggregate(node, finding->depth)) {
        finding->found = list_append_unique(finding->found, lifted(node, finding->depth));
        return false;
    }
    if (!IsA(node, Query))
        return walk_expression(node, find_aggregates, context);
    finding->depth++;
    (void)walk_query(castNode(Query, node), find_aggregates, context, 0);
    finding->depth--;
    return false;
}

struct ReplacingAtDepth {
    Replacing replacing;
    Index depth;
};

/* Replaces expressions of the level, and its aggregates at any depth. */
Node *replace_at_depth(Node *node, void *context)
{
    auto *at = static_cast<ReplacingAtDepth *>(context);
    if (node == nullptr)
        return nullptr;
    if (IsA(node, Query)) {
        at->depth++;
        Query *copy = query_tree_mutator(castNode(Query, node), for_core(replace_at_depth), context, 0);
        at->depth--;
        return reinterpret_cast<Node *>(copy);
    }
    if (at->depth == 0 || is_own_aggregate(node, at->depth)) {
        if (Node *replacement = replacement_of(at->depth == 0 ? node : lifted(node, at->depth), at->replacing)) {
            IncrementVarSublevelsUp(replacement, static_cast<int>(at->depth), 0);
            return replacement;
        }
    }
    return mutate_expression(node, replace_at_depth, context);
}

/* Returns `tree` with each of `originals` replaced, the aggregates among them also within subqueries. */
Node *replaced_at_depth(void *tree, const std::vector<Node *> &originals, const std::vector<Node *> &replacements)
{
    ReplacingAtDepth at = {{originals.data(), replacements.data(), originals.size()}, 0};
    return call([&] { return replace_at_depth(static_cast<Node *>(tree), &at); });
}

} // namespace

void Translator::evaluate_before_grouping(const Level &level, Input &input, Query *query,
                                          const std::vector<Node *> &read)
{
    std::vector<Node *> nodes;
    Node *const *items = read.data();
    const size_t count = read.size();
    List *found = call([&] {
        Finding finding = {NIL, 0};
        ListCell *cell;
        foreach (cell, query->groupClause)
            finding.found = list_append_unique(
                finding.found, get_sortgroupclause_expr(lfirst_node(SortGroupClause, cell), query->targetList));
        for (size_t i = 0; i < count; i++)
            (void)find_aggregates(items[i], &finding);
        (void)find_aggregates(query->havingQual, &finding);
        return finding.found;
    });
    ListCell *cell;
    foreach (cell, found) {
        if (has_sublink(static_cast<Node *>(lfirst(cell))))
            nodes.push_back(static_cast<Node *>(lfirst(cell)));
    }
    if (nodes.empty())
        return;
    const std::vector<Node *> originals = nodes;
    evaluate_sublinks(level, input, nodes);
    query->targetList = castNode(List, replaced_at_depth(query->targetList, originals, nodes));
    query->havingQual = replaced_at_depth(query->havingQual, originals, nodes);
}

Input Translator::filtered(const Level &level, Input input, const std::vector<Node *> &conjuncts)
{
    std::vector<Node *> later;
    for (Node *conjunct : conjuncts) {
        if (has_sublink(conjunct))
            later.push_back(conjunct);
        else
            input.plan = translate::filtered(input, {conjunct});
    }
    for (Node *conjunct : later) {
        bool is_negated = false;
        Node *inner = conjunct;
        while (IsA(inner, BoolExpr) && castNode(BoolExpr, inner)->boolop == NOT_EXPR) {
            inner = static_cast<Node *>(linitial(castNode(BoolExpr, inner)->args));
            is_negated = !is_negated;
        }
        if (IsA(inner, SubLink) && SublinkOver(*this, level, input, castNode(SubLink, inner)).select(is_negated))
            continue;
        if (filter_by_scalars(*this, level, input, conjunct))
            continue;
        std::vector<Node *> nodes = {conjunct};
        evaluate_sublinks(level, input, nodes);
        input.plan = engine::filter(input.plan, expression_of(nodes[0], input.scope));
    }
    return input;
}

} // namespace pgtrickle::translate
