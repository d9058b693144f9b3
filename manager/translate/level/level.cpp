#include "translate/level/level.hpp"

#include "engine/plan/unique_name.hpp"
#include "pg/versions/planner.hpp"
#include "translate/level/upper_bound.hpp"

extern "C" {
#include "optimizer/optimizer.h"
#include "optimizer/prep.h"
}

#include <algorithm>
#include <stdexcept>

namespace pgtrickle::translate {

std::vector<Node *> conjuncts_of(Node *condition)
{
    if (condition == nullptr)
        return {};
    const auto *boolean = reinterpret_cast<BoolExpr *>(condition);
    if (IsA(condition, List) || (IsA(condition, BoolExpr) && boolean->boolop == AND_EXPR)) {
        std::vector<Node *> all;
        ListCell *cell;
        foreach (cell, IsA(condition, List) ? reinterpret_cast<List *>(condition) : boolean->args) {
            for (Node *part : conjuncts_of(static_cast<Node *>(lfirst(cell))))
                all.push_back(part);
        }
        /* Most conjuncts become one operator each, one above the other; a text of some megabytes has a
         * million. */
        if (all.size() > engine::max_depth)
            refuse("condition of more than " + std::to_string(engine::max_depth) + " parts joined by AND",
                   "Each part adds a step to the processing of every change.", use_full);
        return all;
    }
    if (!IsA(condition, BoolExpr) || boolean->boolop != OR_EXPR)
        return {condition};
    auto *factored =
        call([&] { return reinterpret_cast<Node *>(canonicalize_qual(reinterpret_cast<Expr *>(condition), false)); });
    const bool is_still_or = IsA(factored, BoolExpr) && castNode(BoolExpr, factored)->boolop == OR_EXPR;
    return is_still_or ? std::vector<Node *>{factored} : conjuncts_of(factored);
}

engine::PlanPtr filtered(const Input &input, const std::vector<Node *> &conjuncts)
{
    engine::PlanPtr plan = input.plan;
    for (Node *conjunct : conjuncts)
        plan = engine::filter(plan, expression_of(conjunct, input.scope), upper_bound_of(conjunct, input.scope));
    return plan;
}

std::vector<Var *> vars_of(Node *node)
{
    std::vector<Var *> vars;
    List *list = call([&] { return pull_vars_of_level(node, 0); });
    ListCell *cell;
    foreach (cell, list) {
        auto *var = lfirst_node(Var, cell);
        if (var->varlevelsup > 0) {
            var = call([&] { return static_cast<Var *>(copyObjectImpl(var)); });
            var->varlevelsup = 0;
        }
        vars.push_back(var);
    }
    return vars;
}

bool is_within(const Relids &inner, const Relids &outer)
{
    return !inner.empty() && std::includes(outer.begin(), outer.end(), inner.begin(), inner.end());
}

TargetEntry *target(const Query *query, int number)
{
    ListCell *cell;
    foreach (cell, query->targetList) {
        auto *entry = lfirst_node(TargetEntry, cell);
        if (!entry->resjunk && entry->resno == number)
            return entry;
    }
    throw std::invalid_argument("a query has no such column");
}

bool has_targets(const Query *query)
{
    ListCell *cell;
    foreach (cell, query->targetList) {
        if (!lfirst_node(TargetEntry, cell)->resjunk)
            return true;
    }
    return false;
}

std::vector<int> all_targets(const Query *query)
{
    std::vector<int> numbers;
    ListCell *cell;
    foreach (cell, query->targetList) {
        const auto *entry = lfirst_node(TargetEntry, cell);
        if (!entry->resjunk)
            numbers.push_back(entry->resno);
    }
    if (numbers.empty())
        refuse("SELECT without columns", "Its rows cannot be distinguished.", use_full);
    return numbers;
}

engine::PlanPtr narrowed(engine::PlanPtr plan, const std::vector<int> &present, const std::vector<int> &wanted)
{
    if (present == wanted)
        return plan;
    std::vector<engine::NamedExpression> expressions;
    const auto &columns = engine::columns(plan);
    std::vector<size_t> positions;
    for (int number : wanted)
        positions.push_back(std::find(present.begin(), present.end(), number) - present.begin());
    for (size_t position = present.size(); position < columns.size(); position++)
        positions.push_back(position);
    for (size_t position : positions)
        expressions.push_back(
            {engine::column_reference(static_cast<int>(position), columns.at(position)), columns.at(position).name});
    return engine::project(std::move(plan), std::move(expressions));
}

namespace {

/* A heap has columns of these names besides those that are kept there. */
constexpr const char *names_of_heaps[] = {"ctid", "xmin", "cmin", "xmax", "cmax", "tableoid", "pgt_hash"};

} // namespace

bool is_name_of_heaps(const std::string &name)
{
    return std::find(std::begin(names_of_heaps), std::end(names_of_heaps), name) != std::end(names_of_heaps);
}

std::vector<std::string> distinct_names(std::vector<std::string> names)
{
    std::set<std::string> taken(std::begin(names_of_heaps), std::end(names_of_heaps));
    for (std::string &name : names) {
        name = engine::unique_name(name, [&](const std::string &candidate) { return taken.contains(candidate); });
        taken.insert(name);
    }
    return names;
}

} // namespace pgtrickle::translate
