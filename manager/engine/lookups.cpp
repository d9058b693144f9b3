/*
 * Relations that a refresh looks up, and by which columns: both sides of every join's equalities, columns
 * that are compared with a single row, and the keys of groups and partitions that may be recomputed.
 */
#include "engine/operators/index_terms.hpp"
#include "engine/operators/joins/join.hpp"
#include "engine/operators/recursion/recursive.hpp"
#include "engine/step_plan.hpp"

#include <algorithm>

namespace pgtrickle::engine {

namespace {

/* Terms of one leaf that are looked up together, driven by the input `driver`. */
struct Together {
    const PlanNode *leaf;
    int driver;
    Lookup lookup;
};

void add(std::vector<Together> &all, const LeafTerm &found, int driver)
{
    auto place = std::find_if(all.begin(), all.end(),
                              [&](const auto &one) { return one.leaf == found.leaf && one.driver == driver; });
    if (place == all.end())
        place = all.insert(all.end(), {found.leaf, driver, {found.relation, {}}});
    auto &terms = place->lookup.terms;
    if (std::find(terms.begin(), terms.end(), found.term) == terms.end())
        terms.push_back(found.term);
}

void keep(std::vector<Lookup> &lookups, const std::vector<Together> &all)
{
    for (const auto &one : all)
        if (std::find(lookups.begin(), lookups.end(), one.lookup) == lookups.end())
            lookups.push_back(one.lookup);
}

/* Returns the first input that `side` reads; columns are numbered over the concatenated inputs. */
int input_of(const PlanPtr &plan, const Expression &side)
{
    auto columns = side.columns();
    return columns.empty() ? -1 : origin_in_concatenation(plan->inputs(), columns[0]).first;
}

void add_side(const PlanPtr &plan, Expression side, const Expression &other, std::vector<Together> &all)
{
    int input = input_of(plan, side);
    if (input < 0)
        return;
    for (auto &piece : side.pieces)
        if (piece.index() == 1)
            piece = origin_in_concatenation(plan->inputs(), std::get<1>(piece)).second;
    std::vector<LeafTerm> found;
    add_index_terms(plan->inputs()[input], side, found);
    for (const auto &term : found)
        add(all, term, input_of(plan, other));
}

void add_lookups(const PlanPtr &plan, std::vector<Lookup> &lookups)
{
    if (const Condition *condition = plan->joins_on()) {
        std::vector<Together> all;
        for (const auto &pair : condition->equalities) {
            add_side(plan, pair.left, pair.right, all);
            add_side(plan, pair.right, pair.left, all);
        }
        keep(lookups, all);
    }
    if (const Expression *side = plan->ranges_over()) {
        std::vector<Together> all;
        std::vector<LeafTerm> found;
        add_index_terms(plan->inputs()[0], *side, found);
        for (auto &term : found) {
            term.term.is_range = true;
            add(all, term, 1);
        }
        keep(lookups, all);
    }
}

void walk(const PlanPtr &plan, std::vector<Lookup> &lookups)
{
    visit_once(plan, [&](const PlanPtr &node) { add_lookups(node, lookups); });
}

/* Adds lookups of the rows of touched keys. */
void add_keys(const PlanPtr &input, const std::vector<int> &keys, std::vector<Lookup> &lookups)
{
    std::vector<Together> all;
    std::vector<LeafTerm> found;
    for (int key : keys)
        add_index_terms(input, column_reference(key, input->columns()[key]), found);
    for (const auto &term : found)
        add(all, term, -1);
    keep(lookups, all);
}

void add_once(const Lookup &lookup, std::vector<Lookup> &lookups)
{
    if (std::find(lookups.begin(), lookups.end(), lookup) == lookups.end())
        lookups.push_back(lookup);
}

/* Adds the look-ups of groups that are recomputed. */
void add_groups(const StepPlan &plan, std::vector<Lookup> &lookups)
{
    add_keys(plan.input, plan.group->keys, lookups);
    for (const FoundEnd &found : plan.ends)
        add_once(found.lookup, lookups);
}

/* Adds the look-ups of the rows of touched partitions. */
void add_partitions(const Recompute &recompute, std::vector<Lookup> &lookups)
{
    add_keys(recompute.rows, recompute.keys, lookups);
    if (recompute.leading)
        add_once(recompute.leading->lookup, lookups);
}

} // namespace

void find_lookups(std::vector<Step> &steps, const std::vector<std::shared_ptr<const StepPlan>> &plans)
{
    for (size_t i = 0; i < steps.size(); i++) {
        walk(plans[i]->input, steps[i].lookups);
        if (const auto &recursion = plans[i]->recursion)
            walk(with_leaf(recursion->step, recursion->leaf, recursion->kept), steps[i].lookups);
        if (plans[i]->group && plans[i]->group->is_often_recomputed)
            add_groups(*plans[i], steps[i].lookups);
        if (const auto &recompute = plans[i]->recompute)
            add_partitions(*recompute, steps[i].lookups);
        for (const auto &lookup : steps[i].lookups)
            if (lookup.relation.kind == DeltaInput::Kind::step) {
                auto &known = steps[lookup.relation.index].looked_up_by;
                if (std::find(known.begin(), known.end(), lookup.terms) == known.end())
                    known.push_back(lookup.terms);
            }
    }
}

} // namespace pgtrickle::engine
