/*
 * Which relations a refresh looks up by which columns: both sides of every join's
 * equalities, and the keys of groups that may be recomputed. A side that is not a bare
 * column of a relation is not followed.
 */
#include "engine/operators/join.hpp"
#include "engine/step_plan.hpp"

#include <algorithm>

namespace pgtrickle::engine {

namespace {

struct LeafColumn {
    const PlanNode *leaf;
    DeltaInput relation;
    std::string column;
};

void trace(const PlanPtr &plan, int position, std::vector<LeafColumn> &found)
{
    if (auto leaf = plan->leaf()) {
        found.push_back({plan.get(), *leaf, plan->columns().at(position).name});
        return;
    }
    if (plan->is_union()) {
        for (const auto &input : plan->inputs())
            trace(input, position, found);
        return;
    }
    auto [input, column] = plan->origin(position);
    if (input >= 0)
        trace(plan->inputs()[input], column, found);
}

/* Columns of one leaf that are looked up together, driven by the input `driver`. */
struct Together {
    const PlanNode *leaf;
    int driver;
    Lookup lookup;
};

void add(std::vector<Together> &all, const LeafColumn &found, int driver)
{
    auto place = std::find_if(all.begin(), all.end(),
                              [&](const auto &one) { return one.leaf == found.leaf && one.driver == driver; });
    if (place == all.end())
        place = all.insert(all.end(), {found.leaf, driver, {found.relation, {}}});
    auto &columns = place->lookup.columns;
    if (std::find(columns.begin(), columns.end(), found.column) == columns.end())
        columns.push_back(found.column);
}

void keep(std::vector<Lookup> &lookups, const std::vector<Together> &all)
{
    for (const auto &one : all)
        if (std::find(lookups.begin(), lookups.end(), one.lookup) == lookups.end())
            lookups.push_back(one.lookup);
}

int input_of(const PlanPtr &plan, const Expression &side)
{
    auto columns = side.columns();
    return columns.empty() ? -1 : origin_in_concatenation(plan->inputs(), columns[0]).first;
}

void add_side(const PlanPtr &plan, const Expression &side, const Expression &other, std::vector<Together> &all)
{
    int position = side.as_column();
    if (position < 0)
        return;
    auto [input, column] = origin_in_concatenation(plan->inputs(), position);
    std::vector<LeafColumn> found;
    trace(plan->inputs()[input], column, found);
    for (const auto &leaf_column : found)
        add(all, leaf_column, input_of(plan, other));
}

void walk(const PlanPtr &plan, std::vector<Lookup> &lookups)
{
    const Condition *condition = nullptr;
    if (auto join = dynamic_cast<const Join *>(plan.get()))
        condition = &join->condition();
    else if (auto outer = dynamic_cast<const OuterJoin *>(plan.get()))
        condition = &outer->condition();
    if (condition) {
        std::vector<Together> all;
        for (const auto &pair : condition->equalities) {
            add_side(plan, pair.left, pair.right, all);
            add_side(plan, pair.right, pair.left, all);
        }
        keep(lookups, all);
    }
    for (const auto &input : plan->inputs())
        walk(input, lookups);
}

} // namespace

void find_lookups(std::vector<Step> &steps, const std::vector<std::shared_ptr<const StepPlan>> &plans)
{
    for (size_t i = 0; i < steps.size(); i++) {
        walk(plans[i]->input, steps[i].lookups);
        if (plans[i]->group && plans[i]->group->is_often_recomputed) {
            std::vector<Together> all;
            std::vector<LeafColumn> found;
            for (int key : plans[i]->group->keys)
                trace(plans[i]->input, key, found);
            for (const auto &leaf_column : found)
                add(all, leaf_column, -1);
            keep(steps[i].lookups, all);
        }
        for (const auto &lookup : steps[i].lookups)
            if (lookup.relation.kind == DeltaInput::Kind::step) {
                auto &columns = steps[lookup.relation.index].looked_up_by;
                if (std::find(columns.begin(), columns.end(), lookup.columns) == columns.end())
                    columns.push_back(lookup.columns);
            }
    }
}

} // namespace pgtrickle::engine
