#include "translate/level/targets.hpp"

#include "translate/level/ordering.hpp"
#include "translate/level/window.hpp"

extern "C" {
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
}

#include <algorithm>

namespace pgtrickle::translate {

Targets targets_of(const Query *query, const std::vector<int> &numbers, bool is_sorted)
{
    Targets targets;
    for (int number : numbers)
        targets.push_back(target(query, number));
    auto add = [&](const List *clauses) {
        ListCell *cell;
        foreach (cell, clauses) {
            const TargetEntry *entry =
                call([&] { return get_sortgroupclause_tle(lfirst_node(SortGroupClause, cell), query->targetList); });
            if (std::find(targets.begin(), targets.end(), entry) == targets.end())
                targets.push_back(entry);
        }
    };
    if (is_sorted)
        add(query->sortClause);
    if (query->hasDistinctOn)
        add(query->distinctClause);
    return targets;
}

namespace {

std::vector<int> positions_of(const Query *query, const List *clauses, const Targets &targets)
{
    std::vector<int> positions;
    ListCell *cell;
    foreach (cell, clauses) {
        const TargetEntry *entry =
            call([&] { return get_sortgroupclause_tle(lfirst_node(SortGroupClause, cell), query->targetList); });
        positions.push_back(static_cast<int>(std::find(targets.begin(), targets.end(), entry) - targets.begin()));
    }
    return positions;
}

std::vector<SortKey> order_of(const Query *query, const Targets &targets)
{
    std::vector<SortKey> order;
    for (int position : positions_of(query, query->sortClause, targets)) {
        const auto *clause = call([&] { return list_nth_node(SortGroupClause, query->sortClause, order.size()); });
        order.push_back(
            {position, direction_of(clause, value_type(reinterpret_cast<Node *>(targets[position]->expr)).type)});
    }
    return order;
}

} // namespace

std::vector<int> numbers_of(const Targets &targets)
{
    std::vector<int> numbers;
    for (const TargetEntry *entry : targets)
        numbers.push_back(entry->resno);
    return numbers;
}

std::vector<Node *> expressions_of(const Targets &targets)
{
    std::vector<Node *> expressions;
    for (const TargetEntry *entry : targets)
        expressions.push_back(reinterpret_cast<Node *>(entry->expr));
    return expressions;
}

engine::PlanPtr project(const Input &input, const Targets &targets, const Domain *domain)
{
    std::vector<std::string> names;
    std::vector<engine::NamedExpression> expressions;
    std::vector<Node *> nodes = expressions_of(targets);
    for (const TargetEntry *entry : targets)
        names.emplace_back(entry->resname != nullptr ? entry->resname : "column");
    if (domain != nullptr)
        nodes.insert(nodes.end(), domain->scope.begin(), domain->scope.end());
    names.resize(nodes.size(), "outer");
    names = distinct_names(std::move(names));
    for (size_t i = 0; i < nodes.size(); i++)
        expressions.push_back({expression_of(nodes[i], input.scope), names[i]});
    return engine::project(input.plan, std::move(expressions));
}

std::vector<Node *> outputs_of(const Query *query, const Targets &targets)
{
    std::vector<Node *> outputs = expressions_of(targets);
    if (query->hasWindowFuncs)
        for (Node *key : window_keys(query, outputs))
            outputs.push_back(key);
    for (Node *set : set_targets(query))
        outputs.push_back(set);
    return outputs;
}

std::vector<Node *> grouping_keys(const Query *query)
{
    std::vector<Node *> keys;
    ListCell *cell;
    foreach (cell, query->groupClause)
        keys.push_back(
            call([&] { return get_sortgroupclause_expr(lfirst_node(SortGroupClause, cell), query->targetList); }));
    return keys;
}

std::vector<Node *> read_by(const Query *query, const Targets &targets)
{
    std::vector<Node *> read = outputs_of(query, targets);
    read.push_back(query->havingQual);
    for (Node *key : grouping_keys(query))
        read.push_back(key);
    return read;
}

engine::PlanPtr ordered(Translator &translator, const Level &level, engine::PlanPtr plan, const Targets &targets,
                        const std::vector<int> &needed)
{
    const Query *query = level.query;
    std::vector<int> outer;
    for (size_t i = targets.size(); i < engine::columns(plan).size(); i++)
        outer.push_back(static_cast<int>(i));
    if (query->distinctClause != NIL && !query->hasDistinctOn)
        plan = engine::distinct(std::move(plan));
    if (query->hasDistinctOn) {
        std::vector<int> keys = positions_of(query, query->distinctClause, targets);
        keys.insert(keys.end(), outer.begin(), outer.end());
        plan = first_of_each(std::move(plan), keys, order_of(query, targets));
    }
    if (has_limit(query))
        plan = limited(translator, level, std::move(plan), order_of(query, targets), outer);
    return narrowed(std::move(plan), numbers_of(targets), needed);
}

} // namespace pgtrickle::translate
