#include "engine/recompute_step.hpp"

#include "engine/operators/delta.hpp"
#include "engine/operators/filter.hpp"
#include "engine/operators/keyed/recompute.hpp"
#include "engine/operators/project.hpp"
#include "engine/ordered_lookup.hpp"
#include "engine/plan/unique_name.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>

namespace pgtrickle::engine {

namespace {

/* A plan that passes on some columns of the window below it, and their positions in it. */
struct Carried {
    PlanPtr plan;
    std::vector<int> places;
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

/* Returns `project` over `input`, with missing columns appended. */
Carried carried(const Project &project_node, const Carried &input)
{
    Carried result;
    std::vector<NamedExpression> expressions = project_node.expressions();
    const int width = static_cast<int>(expressions.size());
    for (size_t i = 0; i < input.places.size(); i++) {
        int place = 0;
        while (place < width && expressions[place].expression.as_column() != input.places[i])
            place++;
        if (place == width) {
            place = static_cast<int>(expressions.size());
            expressions.push_back({column_reference(input.places[i], input.plan->columns()[input.places[i]]),
                                   free_name(expressions, "pgt_key_" + std::to_string(i + 1))});
        }
        result.places.push_back(place);
    }
    result.plan = project(input.plan, expressions);
    return result;
}

/* Returns `plan` with the window over `rows`, and with the columns `wanted` of the window among its own. */
Carried rebuilt(const PlanPtr &plan, const PlanPtr &rows, const std::vector<int> &wanted)
{
    if (dynamic_cast<const Window *>(plan.get()))
        return {plan->with_inputs({rows}), wanted};
    Carried input = rebuilt(plan->inputs()[0], rows, wanted);
    if (auto project_node = dynamic_cast<const Project *>(plan.get()))
        return carried(*project_node, input);
    return {plan->with_inputs({input.plan}), input.places};
}

std::shared_ptr<const Window> window_below(const PlanPtr &plan)
{
    auto window = std::dynamic_pointer_cast<const Window>(plan);
    return window ? window : window_below(plan->inputs()[0]);
}

/* Whether there are only projections over the window. */
bool keeps_all_rows(const PlanPtr &plan)
{
    return dynamic_cast<const Window *>(plan.get()) ||
           (dynamic_cast<const Project *>(plan.get()) && keeps_all_rows(plan->inputs()[0]));
}

/* Returns the columns of the window that the node above it reads; all, if there is none. */
std::vector<bool> read_above(const PlanPtr &plan)
{
    if (dynamic_cast<const Window *>(plan.get()))
        return std::vector<bool>(plan->width(), true);
    if (!dynamic_cast<const Window *>(plan->inputs()[0].get()))
        return read_above(plan->inputs()[0]);
    std::vector<bool> is_read(plan->inputs()[0]->width(), false);
    for (const auto &named : dynamic_cast<const Project &>(*plan).expressions())
        for (int column : named.expression.columns())
            is_read.at(column) = true;
    return is_read;
}

/* Returns the columns of the window that the step stores if it follows the delta, the partition keys first. */
std::vector<int> kept_by_spans(const PlanPtr &plan, const Window &window)
{
    std::vector<int> kept = window.partition();
    const std::vector<bool> is_stored = stored_columns(window, read_above(plan));
    for (int column = 0; column < window.width(); column++)
        if (is_stored[column] && std::find(kept.begin(), kept.end(), column) == kept.end())
            kept.push_back(column);
    return kept;
}

/* Returns the terms of the index by which the rows of a range are found; each of its values fits into a btree. */
std::vector<IndexTerm> terms_of_place(const std::vector<Column> &columns, const std::vector<int> &place)
{
    std::vector<IndexTerm> terms;
    for (int column : place)
        terms.push_back({columns.at(column).name, true, true, true, columns.at(column).has_hash});
    terms.back().is_range = true;
    return terms;
}

/* Returns `plan` with `rows` in place of the window. */
PlanPtr over(const PlanPtr &plan, const PlanPtr &rows)
{
    return dynamic_cast<const Window *>(plan.get()) ? rows : plan->with_inputs({over(plan->inputs()[0], rows)});
}

/* Returns `plan` with the window over `rows` in place of its input. */
PlanPtr recomputed(const PlanPtr &plan, const PlanPtr &rows)
{
    return over(plan, window_below(plan)->with_inputs({rows}));
}

/* Returns the column of the window that `column` of `plan` is; -1 if it is none. */
int column_of_window(const PlanPtr &plan, int column)
{
    if (column < 0 || dynamic_cast<const Window *>(plan.get()))
        return column;
    const auto [input, below] = plan->origin(column);
    return input < 0 ? -1 : column_of_window(plan->inputs()[0], below);
}

/* Whether the call counts the rows up to its own, so that one of value n has fewer than n rows before its peers. */
bool counts_rows(const Following::Call &call)
{
    return (call.kind == Following::Kind::count || call.kind == Following::Kind::rank) && !call.argument &&
           !call.filter;
}

/* Whether the value of the call depends on no row behind the peers of its own. */
bool looks_back(const Following::Call &call)
{
    return call.kind != Following::Kind::nearby || call.after == 0;
}

/* Returns the most rows of a partition that pass the filters over the window; nothing if no filter says. */
std::optional<int64_t> most_rows_of(const PlanPtr &plan, const Window &window)
{
    if (&window == plan.get())
        return {};
    std::optional<int64_t> most = most_rows_of(plan->inputs()[0], window);
    const auto *filter_node = dynamic_cast<const Filter *>(plan.get());
    if (filter_node == nullptr || !filter_node->bound())
        return most;
    const int call = column_of_window(plan->inputs()[0], filter_node->bound()->column) - window.inputs()[0]->width();
    if (call >= 0 && counts_rows(window.following()->calls.at(call)))
        most = std::min(most.value_or(filter_node->bound()->most), filter_node->bound()->most);
    return most;
}

/* Returns those of `rows`, the window's input, on which all depends that passes the filters over the window; nothing if
 * no index could return them. */
std::optional<LeadingRows> leading_rows(const PlanPtr &plan, const Window &window, const PlanPtr &rows)
{
    /* Beyond this a partition is as well read as a whole. */
    constexpr int64_t most_leading = 1000;
    const auto &following = window.following();
    if (!following || !std::all_of(following->calls.begin(), following->calls.end(), looks_back))
        return {};
    const std::optional<int64_t> most = most_rows_of(plan, window);
    if (!most || *most < 1 || *most > most_leading)
        return {};
    const std::optional<Lookup> lookup = ordered_lookup(rows, window.partition(), following->order);
    return lookup ? std::optional(LeadingRows{following->order, *most, *lookup}) : std::nullopt;
}

/* Columns of a window's input may have the same name; those of an arrangement may not. */
std::vector<ArrangementColumn> physical(const std::vector<Column> &columns)
{
    std::vector<ArrangementColumn> result;
    for (Column column : columns) {
        column.name = unique_name(column.name, [&](const std::string &name) {
            return std::any_of(result.begin(), result.end(), [&](const auto &one) { return one.column.name == name; });
        });
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
    const auto window = window_below(plan);
    const std::vector<int> &keys = window->partition();
    const bool is_spanned = follows_delta(*window, rows) && keeps_all_rows(plan);
    const std::vector<int> kept = is_spanned ? kept_by_spans(plan, *window) : keys;
    Carried stored = rebuilt(plan, rows, kept);
    const std::vector<int> stored_keys(stored.places.begin(), stored.places.begin() + std::ssize(keys));
    Step result;
    result.columns = physical(stored.plan->columns());
    result.output_count = plan->width();
    std::vector<Column> columns;
    for (const auto &column : result.columns)
        columns.push_back(column.column);
    StepPlan step_plan;
    step_plan.input = stored.plan;
    step_plan.recompute = Recompute{rows, keys, stored_rows(step, columns), stored_keys};
    result.replaces_rows = is_spanned;
    if (is_spanned) {
        std::vector<int> stored_at(window->width(), -1);
        for (size_t i = 0; i < kept.size(); i++)
            stored_at[kept[i]] = stored.places[i];
        std::vector<int> place = stored_keys;
        place.push_back(stored_at[window->following()->order[0].column]);
        result.looked_up_by.push_back(terms_of_place(columns, place));
        step_plan.recompute->spanned = SpannedWindow{window, step_plan.recompute->stored, stored_at};
        return {result, std::make_shared<StepPlan>(step_plan)};
    }
    step_plan.recompute->leading = leading_rows(plan, *window, rows);
    if (auto terms = index_terms(columns, stored_keys); !terms.empty())
        result.looked_up_by.push_back(terms);
    result.recomputed_by = stored_keys;
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

namespace {

/* Returns the change of a window that follows its delta: of the spans, and of the partitions that have none. */
PlanPtr spanned_delta(const StepPlan &plan, const PlanPtr &delta)
{
    const Recompute &recompute = *plan.recompute;
    const SpannedWindow &spanned = *recompute.spanned;
    PlanPtr spans = spans_of(spanned, delta);
    PlanPtr whole = keys_without_span(spanned, spans);
    PlanPtr fresh = rows_if_any(rows_of_keys(recompute.rows, recompute.keys, whole), whole);
    PlanPtr stored = rows_of_keys(recompute.stored, recompute.stored_keys, whole);
    PlanPtr at_changes = rows_at_changes(spanned, delta);
    return union_all({over(plan.input, emitted_rows(spanned, spans, delta, at_changes)),
                      negate(replaced_rows(spanned, spans, at_changes)), recomputed(plan.input, fresh),
                      negate(stored)});
}

} // namespace

PlanPtr recompute_delta(const StepPlan &plan, const PlanPtr &delta)
{
    if (!delta)
        return nullptr;
    const Recompute &recompute = *plan.recompute;
    if (recompute.spanned)
        return spanned_delta(plan, delta);
    PlanPtr touched = touched_keys(delta, recompute.keys);
    PlanPtr rows = recompute.leading ? leading_rows_of_keys(recompute.rows, recompute.keys, touched, *recompute.leading)
                                     : rows_of_keys(recompute.rows, recompute.keys, touched);
    PlanPtr fresh = recomputed(plan.input, rows);
    PlanPtr stored = rows_of_keys(recompute.stored, recompute.stored_keys, touched);
    return union_all({fresh, negate(stored)});
}

} // namespace pgtrickle::engine
