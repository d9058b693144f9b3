/*
 * Project: linear, D(π P) = π D(P). Duplicates are kept: it is SELECT, not SELECT DISTINCT.
 */
#include "engine/operators/project.hpp"

#include "engine/operators/differentiator.hpp"
#include "engine/operators/sql.hpp"

#include <algorithm>

namespace pgtrickle::engine {

namespace {

std::vector<Column> columns_of(const std::vector<NamedExpression> &expressions)
{
    std::vector<Column> columns;
    for (const auto &named : expressions) {
        columns.push_back(named.expression.result);
        columns.back().name = named.name;
    }
    return columns;
}

} // namespace

Project::Project(PlanPtr input, std::vector<NamedExpression> expressions)
    : PlanNode({std::move(input)}, columns_of(expressions)), expressions_(std::move(expressions))
{
}

std::string Project::describe() const
{
    std::vector<std::string> parts;
    for (const auto &named : expressions_)
        parts.push_back(named.expression.print([&](int i) { return inputs()[0]->columns()[i].name; }));
    return "project " + joined(parts, ", ");
}

ZSet Project::meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const
{
    ZSet result;
    for (const auto &[row, weight] : inputs[0].rows()) {
        Row projected;
        for (const auto &named : expressions_)
            projected.push_back(evaluation.evaluate(named.expression, row));
        result.add(projected, weight);
    }
    return result;
}

PlanPtr Project::derivative(Differentiator &differentiator) const
{
    PlanPtr delta = differentiator.delta(inputs()[0]);
    return delta ? project(delta, expressions_) : nullptr;
}

Select Project::print(Printer &printer) const
{
    Select input = printer.select(inputs()[0]);
    Select select = input;
    select.outputs.clear();
    select.is_atom.clear();
    for (const auto &named : expressions_) {
        int position = named.expression.as_column();
        if (position >= 0)
            select.add_output(input.outputs.at(position), input.is_atom.at(position));
        else
            select.add_output(named.expression.print([&](int i) { return input.slot(i); }), false);
    }
    return select;
}

PlanPtr Project::with_inputs(std::vector<PlanPtr> inputs) const
{
    return project(inputs.at(0), expressions_);
}

std::pair<int, int> Project::origin(int position) const
{
    int column = expressions_.at(position).expression.as_column();
    return column >= 0 ? std::pair{0, column} : std::pair{-1, position};
}

std::vector<int> Project::find_row_key() const
{
    std::vector<int> key;
    for (int column : inputs()[0]->row_key()) {
        auto place = std::find_if(expressions_.begin(), expressions_.end(),
                                  [=](const NamedExpression &named) { return named.expression.as_column() == column; });
        if (place == expressions_.end())
            return {};
        key.push_back(static_cast<int>(place - expressions_.begin()));
    }
    return key;
}

std::vector<Expression> expressions_of(const Project &project)
{
    std::vector<Expression> expressions;
    for (const auto &named : project.expressions())
        expressions.push_back(named.expression);
    return expressions;
}

PlanPtr project(PlanPtr input, std::vector<NamedExpression> expressions)
{
    for (const auto &named : expressions)
        check_slots(named.expression, input->width());
    return std::make_shared<Project>(std::move(input), std::move(expressions));
}

PlanPtr sample_project(Sampler &sampler)
{
    PlanPtr input = sampler.plan();
    std::vector<NamedExpression> expressions;
    int count = 1 + sampler.below(3);
    for (int i = 0; i < count; i++)
        expressions.push_back({sampler.scalar(input->width()), "p" + std::to_string(i + 1)});
    return project(input, expressions);
}

} // namespace pgtrickle::engine
