/*
 * Printing the statements of a program.
 *
 * A group's statement has up to three levels: the rows with keys k1 … and arguments a1 …; over them, only if
 * a state requires it, windows w1 …; over these the GROUP BY. The finals of a full statement are computed one
 * level further out, from the row n.
 */
#include "engine/program.hpp"

#include "engine/filters_below_groups.hpp"
#include "engine/needed_changes.hpp"
#include "engine/operators/differentiator.hpp"
#include "engine/operators/filter.hpp"
#include "engine/operators/project.hpp"
#include "engine/operators/sql.hpp"
#include "engine/semi_joins_above_joins.hpp"
#include "engine/step_plan.hpp"
#include "engine/with_parts.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace pgtrickle::engine {

namespace {

std::vector<std::string> key_references(const Group &group)
{
    std::vector<std::string> keys;
    for (size_t i = 0; i < group.keys.size(); i++)
        keys.push_back("i.k" + std::to_string(i + 1));
    return keys;
}

/* Keeps the planner from merging a subquery with the query around it. OFFSET 0, whose number would be cast by a
 * function, would keep it from a parallel plan, too. */
constexpr const char *fence = " LIMIT ALL";

/* Whether an argument is computed. Several states use it: the planner would compute it again for each. */
bool computes_arguments(const Group &group)
{
    return std::any_of(group.arguments.begin(), group.arguments.end(),
                       [](const Expression &argument) { return argument.as_column() < 0; });
}

/* Returns the rows of a group with its windows, as a FROM item called i. */
std::string rows_with_windows(const Group &group, const std::string &its_rows, bool is_delta)
{
    const std::string rows = its_rows + (computes_arguments(group) ? fence : "");
    std::vector<std::string> windows;
    std::string keys = joined(key_references(group), ", ");
    for (size_t i = 0; i < group.windows.size(); i++) {
        const std::string &text = is_delta ? group.windows[i].delta : group.windows[i].full;
        if (!text.empty())
            windows.push_back(text + " OVER (" + (keys.empty() ? "" : "PARTITION BY " + keys) + ") AS w" +
                              std::to_string(i + 1));
    }
    if (windows.empty())
        return "(" + rows + ") AS i";
    return "(SELECT i.*, " + joined(windows, ", ") + " FROM (" + rows + ") AS i) AS i";
}

std::string grouped(const StepPlan &plan, const std::vector<std::string> &targets, const std::string &rows,
                    bool is_delta)
{
    std::string text = "SELECT " + joined(targets, ", ") + " FROM " + rows_with_windows(*plan.group, rows, is_delta);
    std::string keys = joined(key_references(*plan.group), ", ");
    return keys.empty() ? text : text + " GROUP BY " + keys;
}

std::vector<std::string> key_targets(const StepPlan &plan)
{
    std::vector<std::string> targets = key_references(*plan.group);
    for (size_t i = 0; i < targets.size(); i++)
        targets[i] += " AS " + quoted(plan.key_names[i]);
    return targets;
}

/* Returns a statement of the correct columns without rows, for a step none of whose inputs has changed. */
std::string empty_delta(const Step &step)
{
    std::vector<std::string> targets;
    auto add = [&](const ArrangementColumn &column) {
        targets.push_back(typed_null(column.column) + " AS " + quoted(column.column.name));
    };
    for (int key : step.key)
        add(step.columns[key]);
    for (const auto &column : step.columns)
        if (column.role == Role::state || column.role == Role::value)
            add(column);
    for (const Column &column : step.changes)
        targets.push_back(typed_null(column) + " AS " + quoted(column.name));
    if (step.layout == Layout::rows)
        targets.push_back("0::pg_catalog.int8 AS pgt_weight");
    if (step.replaces_rows)
        targets.push_back("NULL::pg_catalog.oid AS pgt_heap, NULL::pg_catalog.tid AS pgt_ctid");
    return "SELECT " + joined(targets, ", ") + " WHERE false";
}

/* Returns the state number of a physical column. */
int state_of(const StepPlan &plan, const std::string &name)
{
    for (size_t i = 0; i < plan.state_names.size(); i++)
        if (plan.state_names[i] == name)
            return static_cast<int>(i);
    return -1;
}

std::string groups_delta(const Step &step, const StepPlan &plan, const PlanPtr &delta, const RelationNames &names)
{
    Printer printer(names);
    PlanPtr prepared = plan.prepared(delta);
    printer.share(prepared);
    std::string rows = Printer::statement(printer.select(prepared), plan.prepared_names(), true);
    std::vector<std::string> targets = key_targets(plan);
    auto add = [&](const std::string &name) {
        targets.push_back(plan.resolve(plan.group->states[state_of(plan, name)].delta) + " AS " + quoted(name));
    };
    for (const auto &column : step.columns)
        if (column.role == Role::state)
            add(column.column.name);
    for (const Column &column : step.changes)
        add(column.name);
    std::string text = grouped(plan, targets, rows, true);
    return printer.with_clause() + text;
}

std::string groups_full(const Step &step, const StepPlan &plan, const std::vector<PlanPtr> &parts,
                        const RelationNames &names)
{
    Printer printer(names);
    std::vector<std::string> rows;
    for (const auto &part : parts)
        rows.push_back(Printer::statement(printer.select(plan.prepared(part)), plan.prepared_names(), false));
    std::vector<std::string> inner = key_targets(plan), outer;
    for (int i = 0; i < static_cast<int>(plan.group->states.size()); i++)
        if (!plan.group->states_of_delta_only.contains(i))
            inner.push_back(plan.resolve(plan.group->states[i].full) + " AS " + quoted(plan.state_names[i]));
    for (const auto &column : step.columns) {
        std::string name = quoted(column.column.name);
        outer.push_back((column.role == Role::final ? column.sql : "n." + name) + " AS " + name);
    }
    return printer.with_clause() + "SELECT " + joined(outer, ", ") + " FROM (" +
           grouped(plan, inner, joined(rows, " UNION ALL "), false) + ") AS n";
}

std::vector<std::string> quoted_names(const Step &step)
{
    std::vector<std::string> names;
    for (const auto &column : step.columns)
        names.push_back(quoted(column.column.name));
    return names;
}

std::string describe(const PlanPtr &plan, const std::vector<std::string> &source_names)
{
    const auto leaf = plan->leaf();
    if (leaf && leaf->kind == DeltaInput::Kind::source && leaf->index < static_cast<int>(source_names.size()))
        return "scan of " + source_names[leaf->index];
    return plan->describe() + (plan->keeps() ? " (kept)" : "");
}

/* Prints one line for each node. A node used more than once is shown at its first occurrence, with a number
 * to which its other occurrences refer. */
class Explanation {
  public:
    Explanation(const PlanPtr &plan, const std::vector<std::string> &source_names)
        : uses_(uses_of(plan)), source_names_(source_names)
    {
        add(plan, 0);
    }
    const std::string &text() const { return text_; }

  private:
    void add(const PlanPtr &plan, int depth)
    {
        text_ += (text_.empty() ? "" : "\n") + std::string(2 * depth, ' ');
        bool is_shared = !plan->inputs().empty() && uses_[plan.get()] > 1;
        if (is_shared && numbers_.contains(plan.get())) {
            text_ += "shared " + std::to_string(numbers_[plan.get()]);
            return;
        }
        text_ += describe(plan, source_names_);
        if (is_shared) {
            int number = static_cast<int>(numbers_.size()) + 1;
            numbers_[plan.get()] = number;
            text_ += " (shared " + std::to_string(number) + ")";
        }
        for (const auto &input : plan->inputs())
            add(input, depth + 1);
    }

    std::map<const PlanNode *, int> uses_, numbers_;
    const std::vector<std::string> &source_names_;
    std::string text_;
};

struct Reads {
    int all = 0;        /* 2: more than one */
    int for_itself = 0; /* each row of the input, at most once */
};

using KnownReads = std::map<std::pair<const PlanNode *, bool>, Reads>;

Reads count_reads(const PlanPtr &plan, DeltaInput input, bool is_for_itself, KnownReads &known)
{
    if (auto found = known.find({plan.get(), is_for_itself}); found != known.end())
        return found->second;
    Reads reads;
    if (plan->leaf() == input)
        reads = {1, is_for_itself ? 1 : 0};
    const bool is_below_for_itself =
        is_for_itself && (plan->is_union() || dynamic_cast<const Filter *>(plan.get()) != nullptr ||
                          dynamic_cast<const Project *>(plan.get()) != nullptr);
    for (const PlanPtr &below : plan->inputs()) {
        const Reads found = count_reads(below, input, is_below_for_itself, known);
        reads = {std::min(2, reads.all + found.all), std::min(2, reads.for_itself + found.for_itself)};
    }
    known[{plan.get(), is_for_itself}] = reads;
    return reads;
}

std::vector<DeltaInput> changed_inputs(const Step &step, const ChangedInputs &changed)
{
    std::vector<DeltaInput> inputs;
    for (size_t i = 0; i < step.inputs.size(); i++)
        if (changed.at(i))
            inputs.push_back(step.inputs[i]);
    return inputs;
}

std::optional<Objection> first_objection(const PlanPtr &plan, std::set<const PlanNode *> &visited)
{
    if (!visited.insert(plan.get()).second)
        return std::nullopt;
    if (auto found = plan->objection())
        return found;
    for (const auto &input : plan->inputs())
        if (auto found = first_objection(input, visited))
            return found;
    return std::nullopt;
}

} // namespace

Program::Program(const PlanPtr &plan) : plan_(with_filters_below_groups(with_semi_joins_above_joins(plan)))
{
    lower(plan_, steps_, step_plans_);
}

std::string Program::delta_sql(int step, const ChangedInputs &changed, const RelationNames &names) const
{
    const Step &one = steps_.at(step);
    const StepPlan &plan = *step_plans_.at(step);
    PlanPtr delta = delta_plan(plan, changed_inputs(one, changed));
    if (!delta)
        return empty_delta(one);
    if (plan.group)
        return groups_delta(one, plan, delta, names);
    Printer printer(names);
    printer.share(delta);
    std::string text = Printer::statement(printer.select(delta), quoted_names(one), true);
    return printer.with_clause() + text;
}

std::string Program::full_sql(int step, const RelationNames &names) const
{
    const StepPlan &plan = *step_plans_.at(step);
    if (plan.group)
        return groups_full(steps_[step], plan, {with_parts(plan.input)}, names);
    Printer printer(names);
    std::string text = Printer::statement(printer.select(with_parts(plan.input)), quoted_names(steps_[step]), false);
    return printer.with_clause() + text;
}

std::string Program::recompute_sql(int step, const RelationNames &names) const
{
    const StepPlan &plan = *step_plans_.at(step);
    std::vector<PlanPtr> parts = touched_plans(plan);
    const std::optional<std::string> at_ends = recompute_at_ends(steps_.at(step), plan, names);
    if (!at_ends)
        return groups_full(steps_.at(step), plan, parts, names);
    if (plan.key_names.empty())
        return *at_ends;
    parts.erase(parts.begin());
    return "(" + *at_ends + ") UNION ALL (" + groups_full(steps_.at(step), plan, parts, names) + ")";
}

std::string Program::touched_count_sql(int step, const ChangedInputs &changed, const RelationNames &names) const
{
    PlanPtr touched = touched_plan(*step_plans_.at(step), changed_inputs(steps_.at(step), changed));
    if (!touched)
        return "SELECT 0::bigint";
    std::vector<std::string> columns;
    for (size_t i = 0; i < touched->columns().size(); i++)
        columns.push_back("k" + std::to_string(i + 1));
    Printer printer(names);
    printer.share(touched);
    std::string text = Printer::statement(printer.select(touched), columns, false);
    return printer.with_clause() + "SELECT count(*) FROM (" + text + ") AS touched";
}

bool Program::sums_by_itself(int source) const
{
    Reads reads;
    for (size_t i = 0; i < steps_.size(); i++) {
        const StepPlan &plan = *step_plans_[i];
        const bool is_summed = !plan.recompute && !plan.reserve && !plan.recursion &&
                               steps_[i].recompute_sql_condition.empty() && !steps_[i].is_compared;
        KnownReads known;
        const Reads found = count_reads(plan.input, {DeltaInput::Kind::source, source}, is_summed, known);
        reads = {reads.all + found.all, reads.for_itself + found.for_itself};
    }
    return reads.all == 1 && reads.for_itself == 1;
}

std::string Program::needed_changes(int source) const
{
    return engine::needed_changes(plan_, source);
}

std::string Program::explain(const std::vector<std::string> &source_names) const
{
    return Explanation(plan_, source_names).text();
}

std::optional<Objection> objection(const PlanPtr &plan)
{
    if (plan->depth() > max_depth)
        return Objection{"query of more than " + std::to_string(max_depth) + " nested operators",
                         "Processing all of them would exceed the stack depth.",
                         "Create a stream table for a part of it, or use refresh_mode 'FULL'."};
    int reads = 0;
    visit_once(plan, [&](const PlanPtr &node) { reads = std::max(reads, node->reads()); });
    if (reads > max_reads)
        return Objection{"query whose statements would read its relations more than " + std::to_string(max_reads) +
                             " times",
                         "A subquery that depends on the query around it is part of several others.",
                         "Create a stream table for a part of it, or use refresh_mode 'FULL'."};
    std::set<const PlanNode *> visited;
    return first_objection(plan, visited);
}

std::optional<Objection> objection(const Program &program)
{
    size_t widest = 0;
    for (const Step &step : program.steps())
        widest = std::max(widest, step.columns.size() + step.changes.size());
    if (widest <= most_columns)
        return std::nullopt;
    return Objection{"query with " + std::to_string(widest) + " columns of results and of their states",
                     "A table has at most " + std::to_string(most_columns) +
                         " columns beside the one by which its rows are found.",
                     "Create a stream table for a part of it, or use refresh_mode 'FULL'."};
}

} // namespace pgtrickle::engine
