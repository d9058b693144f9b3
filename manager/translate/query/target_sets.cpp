/*
 * Set-returning functions in the target list.
 *
 * All targets of a level that return sets are evaluated together for each row, in lockstep, the shorter sets
 * padded with NULLs, nested ones by the rules of PostgreSQL's ProjectSet: as the rows of a `LATERAL (SELECT
 * target, target …)`, which PostgreSQL evaluates itself. They are evaluated after grouping and windows,
 * except those that are keys of grouping or of a window themselves. A target produces rows whether its value
 * is read or not.
 */
#include "translate/level/level.hpp"

#include "pg/walker.hpp"

namespace pgtrickle::translate {

namespace {

struct Search {
    Node *const *known; /* columns of the input, whose set-returning functions have been evaluated */
    size_t known_count;
};

/* PostgreSQL frame. */
bool find_set(Node *node, void *context)
{
    const auto *search = static_cast<Search *>(context);
    if (node == nullptr || IsA(node, Query))
        return false;
    for (size_t i = 0; i < search->known_count; i++) {
        if (search->known[i] != nullptr && equal(search->known[i], node))
            return false;
    }
    if (IsA(node, FuncExpr) && castNode(FuncExpr, node)->funcretset)
        return true;
    if (IsA(node, OpExpr) && castNode(OpExpr, node)->opretset)
        return true;
    return walk_expression(node, find_set, context);
}

bool returns_set(Node *node, const Scope &scope)
{
    Search search = {scope.data(), scope.size()};
    return call([&] { return find_set(node, &search); });
}

} // namespace

std::vector<Node *> set_targets(const Query *query)
{
    std::vector<Node *> found;
    ListCell *cell;
    if (!query->hasTargetSRFs)
        return found;
    foreach (cell, query->targetList) {
        auto *node = reinterpret_cast<Node *>(lfirst_node(TargetEntry, cell)->expr);
        if (returns_set(node, {}))
            found.push_back(node);
    }
    return found;
}

Input with_sets(Input input, const std::vector<Node *> &nodes)
{
    engine::Expression rows;
    std::vector<engine::Column> columns;
    Scope computed;

    for (Node *node : nodes) {
        if (position_in(computed, node) >= 0 || !returns_set(node, input.scope))
            continue;
        const engine::Expression expression = expression_of(node, input.scope);
        rows.pieces.emplace_back(std::string(computed.empty() ? "(SELECT " : ", "));
        rows.pieces.insert(rows.pieces.end(), expression.pieces.begin(), expression.pieces.end());
        columns.push_back(column_of(value_type(node), "set_" + std::to_string(computed.size() + 1)));
        computed.push_back(node);
    }
    if (computed.empty())
        return input;
    rows.pieces.emplace_back(std::string(")"));
    input.plan = engine::lateral(input.plan, std::move(rows), std::move(columns));
    input.scope.insert(input.scope.end(), computed.begin(), computed.end());
    return input;
}

} // namespace pgtrickle::translate
