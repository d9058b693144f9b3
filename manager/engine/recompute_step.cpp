#include "engine/recompute_step.hpp"

#include "engine/operators/delta.hpp"
#include "engine/operators/filter.hpp"
#include "engine/operators/keyed/recompute.hpp"
#include "engine/operators/project.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace pgtrickle::engine {

namespace {

/* A plan that passes on the window's partition keys, and their positions in it. */
struct Carried {
    PlanPtr plan;
    std::vector<int> keys;
};

bool has_name(const std::vector<NamedExpression> &expressions, const std::string &name)
{
    return std::any_of(expressions.begin(), expressions.end(), [&](const auto &named) { return named.name == name; });
}

std::string free_name(const std::vector<NamedExpression> &expressions, const std::string &wanted)
{
    std::string name = wanted;
    for (int i = 1; has_name(expressions, name); i++)
        name = wanted + "_" + std::to_string(i);
    return name;
}

/* Returns `project` over `input`, with missing partition keys appended. */
Carried carried(const Project &project_node, const Carried &input)
{
    Carried result;
    std::vector<NamedExpression> expressions = project_node.expressions();
    const int width = static_cast<int>(expressions.size());
    for (size_t i = 0; i < input.keys.size(); i++) {
        int place = 0;
        while (place < width && expressions[place].expression.as_column() != input.keys[i])
            place++;
        if (place == width) {
            place = static_cast<int>(expressions.size());
            expressions.push_back({column_reference(input.keys[i], input.plan->columns()[input.keys[i]]),
                                   free_name(expressions, "pgt_key_" + std::to_string(i + 1))});
        }
        result.keys.push_back(place);
    }
    result.plan = project(input.plan, expressions);
    return result;
}

/* Returns `plan` with the window over `rows`, and with the partition keys as columns. */
Carried rebuilt(const PlanPtr &plan, const PlanPtr &rows)
{
    if (auto window = dynamic_cast<const Window *>(plan.get()))
        return {plan->with_inputs({rows}), window->partition()};
    Carried input = rebuilt(plan->inputs()[0], rows);
    if (auto project_node = dynamic_cast<const Project *>(plan.get()))
        return carried(*project_node, input);
    return {plan->with_inputs({input.plan}), input.keys};
}

/* Returns `plan` with `rows` as the window's input. */
PlanPtr over(const PlanPtr &plan, const PlanPtr &rows)
{
    if (dynamic_cast<const Window *>(plan.get()))
        return plan->with_inputs({rows});
    return plan->with_inputs({over(plan->inputs()[0], rows)});
}

/* Columns of a window's input may have the same name; those of an arrangement may not. */
std::vector<ArrangementColumn> physical(const std::vector<Column> &columns)
{
    std::vector<ArrangementColumn> result;
    for (Column column : columns) {
        const std::string wanted = column.name;
        for (int i = 1;
             std::any_of(result.begin(), result.end(), [&](const auto &one) { return one.column.name == column.name; });
             i++)
            column.name = wanted + "_" + std::to_string(i);
        result.push_back({column, Role::value, {}});
    }
    return result;
}

} // namespace

bool passes_partitions_on(const PlanPtr &plan)
{
    return dynamic_cast<const Project *>(plan.get()) || dynamic_cast<const Filter *>(plan.get());
}

std::pair<Step, std::shared_ptr<const StepPlan>> recompute_step(const PlanPtr &plan, const PlanPtr &rows, int step)
{
    PlanPtr below = plan;
    while (passes_partitions_on(below))
        below = below->inputs()[0];
    Carried stored = rebuilt(plan, rows);
    Step result;
    result.columns = physical(stored.plan->columns());
    result.output_count = plan->width();
    std::vector<Column> columns;
    for (const auto &column : result.columns)
        columns.push_back(column.column);
    StepPlan step_plan;
    step_plan.input = stored.plan;
    step_plan.recompute =
        Recompute{rows, dynamic_cast<const Window &>(*below).partition(), stored_rows(step, columns), stored.keys};
    if (auto terms = index_terms(columns, stored.keys); !terms.empty())
        result.looked_up_by.push_back(terms);
    result.recomputed_by = stored.keys;
    return {result, std::make_shared<StepPlan>(step_plan)};
}

std::pair<Step, std::shared_ptr<const StepPlan>> reserve_step(const Reserve &reserve, const PlanPtr &rows, int step)
{
    StepPlan plan;
    plan.input = reserve_rows(rows, reserve.terms());
    Step result;
    result.columns = physical(plan.input->columns());
    result.output_count = reserve.width();
    std::vector<Column> columns;
    for (const auto &column : result.columns)
        columns.push_back(column.column);
    plan.reserve = ReserveStep{rows, stored_rows(step, columns), reserve.terms()};
    return {result, std::make_shared<StepPlan>(plan)};
}

PlanPtr recompute_delta(const StepPlan &plan, const PlanPtr &delta)
{
    if (!delta)
        return nullptr;
    const Recompute &recompute = *plan.recompute;
    PlanPtr touched = touched_keys(delta, recompute.keys);
    PlanPtr fresh = over(plan.input, rows_of_keys(recompute.rows, recompute.keys, touched));
    PlanPtr stored = rows_of_keys(recompute.stored, recompute.stored_keys, touched);
    return union_all({fresh, negate(stored)});
}

} // namespace pgtrickle::engine
