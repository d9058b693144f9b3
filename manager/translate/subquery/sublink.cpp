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
#include "translate/level/window.hpp"

#include "pg/walker.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
}

#include <algorithm>

namespace pgtrickle::translate {

namespace {

/* The functions from here to replaced() are PostgreSQL frames. */

bool find_sublinks(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (IsA(node, SubLink)) {
        auto **found = static_cast<List **>(context);
        *found = list_append_unique(*found, node);
        return false;
    }
    return walk_expression(node, find_sublinks, context);
}

struct Replacing {
    Node *const *originals;
    Node *const *replacements;
    size_t count;
};

Node *replace(Node *node, void *context)
{
    const auto *replacing = static_cast<const Replacing *>(context);
    if (node == nullptr)
        return nullptr;
    for (size_t i = 0; i < replacing->count; i++) {
        if (nodeTag(node) == nodeTag(replacing->originals[i]) && equal(node, replacing->originals[i]))
            return static_cast<Node *>(copyObjectImpl(replacing->replacements[i]));
    }
    return mutate_expression(node, replace, context);
}

} // namespace

Node *replaced(Node *node, const std::vector<Node *> &originals, const std::vector<Node *> &replacements)
{
    Replacing replacing = {originals.data(), replacements.data(), originals.size()};
    return call([&] { return replace(node, &replacing); });
}

std::vector<Node *> sublinks_of(Node *node)
{
    List *found = call([&] {
        List *all = NIL;
        (void)find_sublinks(node, &all);
        return all;
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

void Translator::evaluate_sublinks(const Level &level, Input &input, std::vector<Node *> &nodes)
{
    std::vector<Node *> links;
    std::vector<Node *> values;
    for (Node *node : nodes) {
        for (Node *link : sublinks_of(node)) {
            if (position_in(links, link) < 0)
                links.push_back(link);
        }
    }
    if (links.empty())
        return;
    for (Node *link : links)
        values.push_back(SublinkOver(*this, level, input, castNode(SubLink, link)).value());
    for (Node *&node : nodes) {
        const int32 typmod = value_type(node).typmod;
        node = replaced(node, links, values);
        node = call([&] { return with_typmod(node, typmod); });
    }
}

void Translator::evaluate_targets(const Level &level, Input &input, Query *query, const std::vector<int> &numbers)
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
    evaluate_sublinks(level, input, nodes);
    query->targetList = call([&] { return static_cast<List *>(copyObjectImpl(query->targetList)); });
    for (size_t i = 0; i < places.size(); i++)
        list_nth_node(TargetEntry, query->targetList, places[i])->expr = reinterpret_cast<Expr *>(nodes[i]);
}

namespace {

/* Finds the aggregates of the level that contain a subquery. PostgreSQL frame. */
bool find_aggregates(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (IsA(node, Aggref)) {
        auto **found = static_cast<List **>(context);
        *found = list_append_unique(*found, node);
        return false;
    }
    return walk_expression(node, find_aggregates, context);
}

} // namespace

void Translator::evaluate_before_grouping(const Level &level, Input &input, Query *query,
                                          const std::vector<Node *> &read)
{
    std::vector<Node *> nodes;
    Node *const *items = read.data();
    const size_t count = read.size();
    List *found = call([&] {
        List *all = NIL;
        ListCell *cell;
        foreach (cell, query->groupClause)
            all = list_append_unique(all,
                                     get_sortgroupclause_expr(lfirst_node(SortGroupClause, cell), query->targetList));
        for (size_t i = 0; i < count; i++)
            (void)find_aggregates(items[i], &all);
        (void)find_aggregates(query->havingQual, &all);
        return all;
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
    query->targetList = castNode(List, replaced(reinterpret_cast<Node *>(query->targetList), originals, nodes));
    query->havingQual = replaced(query->havingQual, originals, nodes);
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
