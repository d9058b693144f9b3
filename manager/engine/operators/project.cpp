/*
 * Project: linear, D(π P) = π D(P). Duplicates are kept: it is SELECT, not SELECT DISTINCT.
 *
 * It is printed as its expressions in place of the columns, except those that need a column. They become columns of
 * an item of FROM, which the planner merges.
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
    std::string alias;
    std::vector<std::string> columns;
    for (const auto &named : expressions_) {
        const int position = named.expression.as_column();
        const std::string text = named.expression.print([&](int i) { return input.slot(i); });
        if (position >= 0) {
            select.add_output(input.outputs.at(position), input.is_atom.at(position));
        } else if (!named.expression.needs_column) {
            select.add_output(text, false);
        } else {
            alias = alias.empty() ? printer.alias() : alias;
            const std::string name = "c" + std::to_string(columns.size() + 1);
            columns.push_back(text + " AS " + name);
            select.add_output(alias + "." + name, true);
        }
    }
    if (!columns.empty())
        select.from.push_back("LATERAL (SELECT " + joined(columns, ", ") + ") AS " + alias);
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
