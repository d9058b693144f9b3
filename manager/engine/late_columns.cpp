#include "engine/late_columns.hpp"

#include "engine/operators/filter.hpp"
#include "engine/operators/joins/join.hpp"
#include "engine/operators/project.hpp"

#include <algorithm>

namespace pgtrickle::engine {

namespace {

LateColumns unchanged(const PlanPtr &plan)
{
    LateColumns same{plan, {}};
    for (int i = 0; i < plan->width(); i++)
        same.columns.push_back(column_reference(i, plan->columns()[i]));
    return same;
}

bool is_late(const Expression &expression)
{
    return expression.may_fail && expression.as_column() < 0;
}

/* The outputs of a projection in the making. */
class Outputs {
  public:
    explicit Outputs(const PlanPtr &input) : input_(input) {}
    /* Returns the output as an expression over all. */
    Expression add(const Expression &expression, const std::string &name)
    {
        outputs_.push_back({expression, name});
        Column column = expression.result;
        column.name = name;
        return column_reference(static_cast<int>(outputs_.size()) - 1, column);
    }
    /* Returns the expression over outputs that are the columns it reads. */
    Expression over_columns(const Expression &expression)
    {
        std::vector<Expression> inner(input_->width());
        for (const int column : expression.columns()) {
            const Column &read = input_->columns()[column];
            auto known = held_.find(column);
            if (known == held_.end())
                known = held_.emplace(column, add(column_reference(column, read), read.name)).first;
            inner[column] = known->second;
        }
        return expression.compose(inner);
    }
    PlanPtr finish() &&
    {
        std::set<std::string> names;
        for (auto &output : outputs_)
            while (!names.insert(output.name).second)
                output.name += "_";
        return project(input_, std::move(outputs_));
    }

  private:
    PlanPtr input_;
    std::vector<NamedExpression> outputs_;
    std::map<int, Expression> held_; /* by columns of the input */
};

LateColumns below(const PlanPtr &plan, const Project &top, const std::set<int> &pinned)
{
    const LateColumns input = with_late_columns(plan->inputs()[0], {});
    std::vector<Expression> composed;
    bool has_late = false;
    for (int i = 0; i < plan->width(); i++) {
        composed.push_back(top.expressions()[i].expression.compose(input.columns));
        has_late |= pinned.count(i) == 0 && is_late(composed.back());
    }
    if (!has_late)
        return unchanged(plan);
    Outputs outputs(input.plan);
    std::vector<Expression> columns(composed.size());
    for (const bool is_held : {true, false})
        for (int i = 0; i < plan->width(); i++) {
            if (is_held != (pinned.count(i) != 0 || !is_late(composed[i])))
                continue;
            columns[i] =
                is_held ? outputs.add(composed[i], plan->columns()[i].name) : outputs.over_columns(composed[i]);
        }
    return {std::move(outputs).finish(), std::move(columns)};
}

void pin(const Expression &expression, std::set<int> *pinned)
{
    for (const int column : expression.columns())
        pinned->insert(column);
}

LateColumns below(const PlanPtr &plan, const Filter &top, std::set<int> pinned)
{
    if (top.is_fence() || top.bound())
        return unchanged(plan);
    pin(top.predicate(), &pinned);
    LateColumns input = with_late_columns(plan->inputs()[0], pinned);
    if (input.plan == plan->inputs()[0])
        return unchanged(plan);
    return {filter(input.plan, top.predicate().compose(input.columns)), std::move(input.columns)};
}

Condition composed(Condition condition, const std::vector<Expression> &columns)
{
    for (auto &pair : condition.equalities)
        pair = {pair.left.compose(columns), pair.right.compose(columns), pair.whole.compose(columns)};
    for (auto &other : condition.others)
        other = other.compose(columns);
    return condition;
}

LateColumns below(const PlanPtr &plan, const Join &top, std::set<int> pinned)
{
    for (const auto &pair : top.condition().equalities)
        pin(pair.whole, &pinned);
    for (const auto &other : top.condition().others)
        pin(other, &pinned);
    std::vector<PlanPtr> inputs;
    std::vector<Expression> columns;
    int offset = 0, new_offset = 0;
    for (const auto &input : plan->inputs()) {
        std::set<int> own;
        for (const int column : pinned)
            if (column >= offset && column < offset + input->width())
                own.insert(column - offset);
        const LateColumns late = with_late_columns(input, own);
        std::vector<Expression> shifted;
        for (int i = 0; i < late.plan->width(); i++)
            shifted.push_back(column_reference(new_offset + i, late.plan->columns()[i]));
        for (const auto &column : late.columns)
            columns.push_back(column.compose(shifted));
        inputs.push_back(late.plan);
        offset += input->width();
        new_offset += late.plan->width();
    }
    if (inputs == plan->inputs())
        return unchanged(plan);
    return {join(std::move(inputs), composed(top.condition(), columns)), std::move(columns)};
}

} // namespace

LateColumns with_late_columns(const PlanPtr &plan, const std::set<int> &pinned)
{
    if (const auto *top = dynamic_cast<const Project *>(plan.get()))
        return below(plan, *top, pinned);
    if (const auto *top = dynamic_cast<const Filter *>(plan.get()))
        return below(plan, *top, pinned);
    if (const auto *top = dynamic_cast<const Join *>(plan.get()))
        return below(plan, *top, pinned);
    return unchanged(plan);
}

} // namespace pgtrickle::engine
