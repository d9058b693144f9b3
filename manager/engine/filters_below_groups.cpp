#include "engine/filters_below_groups.hpp"

#include "engine/operators/aggregates/aggregate.hpp"
#include "engine/operators/filter.hpp"
#include "engine/operators/joins/join.hpp"
#include "engine/operators/keyed/window.hpp"
#include "engine/operators/project.hpp"
#include "engine/plan_mover.hpp"

#include <algorithm>
#include <numeric>

namespace pgtrickle::engine {

namespace {

class Mover final : public PlanMover {
  public:
    using PlanMover::PlanMover;

  private:
    PlanPtr moved_once(const PlanPtr &plan) override
    {
        if (auto found = dynamic_cast<const Filter *>(plan.get()))
            if (PlanPtr below = below_groups(plan->inputs()[0], found->predicate()))
                return moved(below);
        PlanPtr narrowed;
        if (auto join = dynamic_cast<const Join *>(plan.get()))
            narrowed = with_filters_of_sides(*join);
        return with_moved_inputs(narrowed ? narrowed : plan);
    }

    /* Returns `plan` with the filter moved down; null if it cannot be moved below a grouping. An expression
     * that may fail is not moved: it must be evaluated only for the rows for which the query evaluates it,
     * and another filter or a join below may exclude rows. */
    PlanPtr below_groups(const PlanPtr &plan, const Expression &predicate) const
    {
        if (predicate.may_fail || predicate.columns().empty() || has_other_uses(plan))
            return nullptr;
        if (auto project = dynamic_cast<const Project *>(plan.get()))
            return in_input(plan, 0, predicate.compose(expressions_of(*project)));
        if (plan->is_union())
            return in_parts(plan, predicate);
        if (auto aggregate = dynamic_cast<const Aggregate *>(plan.get()))
            return below_keys(plan, aggregate->keys(), aggregate->keys(), predicate);
        if (dynamic_cast<const Distinct *>(plan.get())) {
            std::vector<int> all(plan->width());
            std::iota(all.begin(), all.end(), 0);
            return below_keys(plan, all, all, predicate);
        }
        if (auto window = dynamic_cast<const Window *>(plan.get())) {
            std::vector<int> columns(plan->inputs()[0]->width());
            std::iota(columns.begin(), columns.end(), 0);
            return below_keys(plan, columns, window->partition(), predicate);
        }
        return through(plan, predicate);
    }

    PlanPtr in_input(const PlanPtr &plan, size_t input, const Expression &predicate) const
    {
        std::vector<PlanPtr> inputs = plan->inputs();
        inputs[input] = below_groups(inputs[input], predicate);
        return inputs[input] ? plan->with_inputs(inputs) : nullptr;
    }

    PlanPtr in_parts(const PlanPtr &plan, const Expression &predicate) const
    {
        std::vector<PlanPtr> inputs;
        bool is_any_below = false;
        for (const auto &input : plan->inputs()) {
            PlanPtr below = below_groups(input, predicate);
            is_any_below = is_any_below || below;
            inputs.push_back(below ? below : filter(input, predicate));
        }
        return is_any_below ? plan->with_inputs(inputs) : nullptr;
    }

    /* `columns` are the columns of the input that the leading columns of `plan` pass on; `keys` are those of
     * the input that have one value in each group. */
    static PlanPtr below_keys(const PlanPtr &plan, const std::vector<int> &columns, const std::vector<int> &keys,
                              Expression predicate)
    {
        const PlanPtr &input = plan->inputs()[0];
        for (auto &piece : predicate.pieces) {
            if (piece.index() == 0)
                continue;
            const int position = std::get<1>(piece);
            const bool is_passed_on = position < static_cast<int>(columns.size());
            const int below = is_passed_on ? columns[position] : -1;
            if (std::find(keys.begin(), keys.end(), below) == keys.end() || is_loose(input->columns()[below]))
                return nullptr;
            piece = below;
        }
        return plan->with_inputs({filter(input, predicate)});
    }

    PlanPtr through(const PlanPtr &plan, Expression predicate) const
    {
        int from = -1;
        for (auto &piece : predicate.pieces) {
            if (piece.index() == 0)
                continue;
            auto [input, column] = plan->origin(std::get<1>(piece));
            if (input < 0 || (from >= 0 && input != from))
                return nullptr;
            from = input;
            piece = column;
        }
        return plan->is_linear_in(from) ? in_input(plan, from, predicate) : nullptr;
    }

    /* Returns `join` with filters of one of its inputs applied also to the groups of another input, where an
     * equality relates the filtered columns. An expression that may fail is not applied to values that have
     * no match. */
    PlanPtr with_filters_of_sides(const Join &join) const
    {
        std::vector<PlanPtr> inputs = join.inputs();
        for (const auto &pair : join.condition().equalities) {
            const int left = pair.left.as_column(), right = pair.right.as_column();
            if (left < 0 || right < 0 || !is_same(join.columns()[left], join.columns()[right]))
                continue;
            ask_other(join, left, right, inputs);
            ask_other(join, right, left, inputs);
        }
        return inputs == join.inputs() ? nullptr : join.with_inputs(inputs);
    }

    void ask_other(const Join &join, int column, int other, std::vector<PlanPtr> &inputs) const
    {
        auto [input, place] = join.origin(column);
        auto [other_input, other_place] = join.origin(other);
        PlanPtr node = join.inputs()[input];
        for (; auto found = dynamic_cast<const Filter *>(node.get()); node = node->inputs()[0]) {
            if (found->predicate().may_fail || found->predicate().columns() != std::vector<int>{place})
                continue;
            if (PlanPtr below = below_groups(inputs[other_input], moved_to(found->predicate(), other_place)))
                inputs[other_input] = below;
        }
    }

    static Expression moved_to(Expression predicate, int column)
    {
        for (auto &piece : predicate.pieces)
            if (piece.index() == 1)
                piece = column;
        return predicate;
    }

    /* Whether both columns consider the same values equal, and equal values look the same. */
    static bool is_same(const Column &left, const Column &right)
    {
        return left.type == right.type && left.collation == right.collation && !is_loose(left) && !is_loose(right);
    }
};

} // namespace

PlanPtr with_filters_below_groups(const PlanPtr &plan)
{
    return Mover(plan).moved(plan);
}

} // namespace pgtrickle::engine
