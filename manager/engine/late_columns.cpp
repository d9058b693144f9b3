#include "engine/late_columns.hpp"

#include "engine/operators/filter.hpp"
#include "engine/operators/joins/join.hpp"
#include "engine/operators/joins/semi_join.hpp"
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

void pin(const Condition &condition, std::set<int> *pinned)
{
    for (const auto &pair : condition.equalities)
        pin(pair.whole, pinned);
    for (const auto &other : condition.others)
        pin(other, pinned);
}

Condition composed(Condition condition, const std::vector<Expression> &columns)
{
    for (auto &pair : condition.equalities)
        pair = {pair.left.compose(columns), pair.right.compose(columns), pair.whole.compose(columns)};
    for (auto &other : condition.others)
        other = other.compose(columns);
    return condition;
}

std::optional<Comparison> composed(std::optional<Comparison> comparison, const std::vector<Expression> &columns)
{
    if (comparison)
        for (Expression *side : {&comparison->left, &comparison->right})
            *side = side->compose(columns);
    return comparison;
}

Expression true_expression()
{
    Expression expression;
    expression.pieces = {std::string("true")};
    expression.result.type = "pg_catalog.bool";
    expression.may_fail = false;
    expression.is_immutable = true;
    return expression;
}

/* Takes what is computed from an input whose rows an outer join may pad. A late column is NULL in padding, where its
 * expression over NULLs may have a value. */
LateColumns null_in_padding(LateColumns late)
{
    Outputs outputs(late.plan);
    for (int i = 0; i < late.plan->width(); i++)
        outputs.add(column_reference(i, late.plan->columns()[i]), late.plan->columns()[i].name);
    const Expression is_row = outputs.add(true_expression(), "is_row");
    for (Expression &column : late.columns)
        if (column.as_column() < 0) {
            Expression frame;
            frame.pieces = {std::string("CASE WHEN "), 0, std::string(" THEN "), 1,
                            " ELSE " + typed_null(column.result) + " END"};
            frame.result = column.result;
            frame.result.may_be_null = true;
            frame.is_immutable = true;
            column = frame.compose({is_row, column});
        }
    return {std::move(outputs).finish(), std::move(late.columns)};
}

/* The inputs of a join: what is kept of them, side by side, and their columns over that. */
struct LateInputs {
    std::vector<PlanPtr> plans;
    std::vector<Expression> columns;
};

/* `pinned` numbers the columns of the inputs side by side; `is_padded` is whether the join pads rows of an input. */
LateInputs late_inputs(const PlanPtr &plan, const std::set<int> &pinned, const std::vector<bool> &is_padded)
{
    LateInputs inputs;
    int offset = 0, new_offset = 0;
    for (size_t number = 0; number < plan->inputs().size(); number++) {
        const PlanPtr &input = plan->inputs()[number];
        std::set<int> own;
        for (const int column : pinned)
            if (column >= offset && column < offset + input->width())
                own.insert(column - offset);
        LateColumns late = with_late_columns(input, own);
        if (late.plan != input && is_padded[number])
            late = null_in_padding(std::move(late));
        std::vector<Expression> shifted;
        for (int i = 0; i < late.plan->width(); i++)
            shifted.push_back(column_reference(new_offset + i, late.plan->columns()[i]));
        for (const auto &column : late.columns)
            inputs.columns.push_back(column.compose(shifted));
        inputs.plans.push_back(late.plan);
        offset += input->width();
        new_offset += late.plan->width();
    }
    return inputs;
}

LateColumns below(const PlanPtr &plan, const Join &top, std::set<int> pinned)
{
    pin(top.condition(), &pinned);
    LateInputs inputs = late_inputs(plan, pinned, std::vector<bool>(plan->inputs().size(), false));
    if (inputs.plans == plan->inputs())
        return unchanged(plan);
    return {join(inputs.plans, composed(top.condition(), inputs.columns)), std::move(inputs.columns)};
}

LateColumns below(const PlanPtr &plan, const OuterJoin &top, std::set<int> pinned)
{
    pin(top.condition(), &pinned);
    const LateInputs inputs =
        late_inputs(plan, pinned, {top.kind() != OuterKind::left, top.kind() != OuterKind::right});
    if (inputs.plans == plan->inputs())
        return unchanged(plan);
    const PlanPtr made =
        outer_join(top.kind(), inputs.plans[0], inputs.plans[1], composed(top.condition(), inputs.columns));
    LateColumns late{made, {}};
    for (const Expression &column : inputs.columns)
        late.columns.push_back(column.compose(unchanged(made).columns));
    return late;
}

LateColumns below(const PlanPtr &plan, const SemiJoin &top, std::set<int> pinned)
{
    const PlanPtr &rows = plan->inputs()[0], &other = plan->inputs()[1];
    pin(top.condition(), &pinned);
    pinned.erase(pinned.lower_bound(rows->width()), pinned.end());
    LateColumns late = with_late_columns(rows, pinned);
    if (late.plan == rows)
        return unchanged(plan);
    std::vector<Expression> columns = late.columns;
    for (int i = 0; i < other->width(); i++)
        columns.push_back(column_reference(late.plan->width() + i, other->columns()[i]));
    const PlanPtr made = semi_join(top.kind(), late.plan, other, composed(top.condition(), columns),
                                   composed(top.comparison(), columns));
    if (top.kind() == SemiKind::mark)
        late.columns.push_back(column_reference(late.plan->width(), made->columns().back()));
    return {made, std::move(late.columns)};
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
    if (const auto *top = dynamic_cast<const OuterJoin *>(plan.get()))
        return below(plan, *top, pinned);
    if (const auto *top = dynamic_cast<const SemiJoin *>(plan.get()))
        return below(plan, *top, pinned);
    return unchanged(plan);
}

} // namespace pgtrickle::engine
