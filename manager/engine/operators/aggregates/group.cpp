/*
 * Building groups, and the two states that several families share: sums that are NULL when they are empty,
 * and extrema with the number of their ties.
 */
#include "engine/operators/aggregates/group.hpp"

#include "engine/operators/aggregates/family.hpp"

#include <algorithm>
#include <cctype>

namespace pgtrickle::engine {

namespace {

const char *const int8 = "pg_catalog.int8";

Column bigint_column(const std::string &name)
{
    Column column = column_of(TypeKind::int8);
    column.name = name;
    return column;
}

std::string number(int state)
{
    return "#" + std::to_string(state);
}
std::string old_value(int state)
{
    return "o." + number(state);
}
std::string delta_value(int state)
{
    return "d." + number(state);
}

} // namespace

int GroupBuilder::state(Column column, std::string delta, std::string full, std::string merge)
{
    group_.states.push_back({std::move(column), std::move(delta), std::move(full), std::move(merge)});
    return static_cast<int>(group_.states.size()) - 1;
}

int GroupBuilder::known(const std::string &key) const
{
    auto place = known_.find(key);
    return place == known_.end() ? -1 : place->second;
}

int GroupBuilder::delta_state(Column column, std::string delta)
{
    int made = state(std::move(column), std::move(delta), {}, {});
    group_.states_of_delta_only.insert(made);
    return made;
}

std::string GroupBuilder::window(std::string delta, std::string full)
{
    group_.windows.push_back({std::move(delta), std::move(full)});
    return "i.w" + std::to_string(group_.windows.size());
}

std::string GroupBuilder::argument(const AggregateCall &call)
{
    Expression argument;
    if (call.argument) {
        argument = *call.argument;
    } else {
        argument.pieces = {std::string("true")};
        argument.result.type = "pg_catalog.bool";
    }
    if (call.filter) {
        Expression frame;
        frame.pieces = {std::string("CASE WHEN "), 0, std::string(" THEN "), 1, std::string(" END")};
        frame.result = argument.result;
        argument = frame.around({*call.filter, argument});
        argument.result = frame.result;
    }
    return add_argument(argument);
}

std::string GroupBuilder::input_column(int position)
{
    for (size_t i = 0; i < group_.keys.size(); i++)
        if (group_.keys[i] == position)
            return "i.k" + std::to_string(i + 1);
    return add_argument(column_reference(position, group_.input->columns().at(position)));
}

std::string GroupBuilder::add_argument(const Expression &argument)
{
    for (size_t i = 0; i < group_.arguments.size(); i++)
        if (group_.arguments[i].pieces == argument.pieces)
            return "i.a" + std::to_string(i + 1);
    group_.arguments.push_back(argument);
    return "i.a" + std::to_string(group_.arguments.size());
}

Expression GroupBuilder::output_state(int state) const
{
    return column_reference(static_cast<int>(group_.keys.size()) + state, group_.states.at(state).column);
}

Expression GroupBuilder::output(const std::string &text, const Column &result) const
{
    Expression expression;
    expression.result = result;
    std::string literal;
    for (size_t i = 0; i < text.size(); i++) {
        if (text[i] != '#') {
            literal += text[i];
            continue;
        }
        int state = 0;
        while (i + 1 < text.size() && std::isdigit(static_cast<unsigned char>(text[i + 1])))
            state = state * 10 + (text[++i] - '0');
        if (!literal.empty())
            expression.pieces.push_back(literal);
        literal.clear();
        expression.pieces.emplace_back(std::in_place_type<int>, static_cast<int>(group_.keys.size()) + state);
    }
    if (!literal.empty())
        expression.pieces.push_back(literal);
    return expression;
}

int GroupBuilder::count_of(const std::string &argument)
{
    std::string key = "count " + argument;
    if (known(key) >= 0)
        return known(key);
    int place = static_cast<int>(group_.states.size());
    remember(key, place);
    return state(bigint_column("pgt_count_" + std::to_string(place)),
                 "coalesce(pg_catalog.sum(i.pgt_weight) FILTER (WHERE " + argument +
                     " IS DISTINCT FROM NULL), 0)::" + int8,
                 "pg_catalog.count(" + argument + ")", "coalesce(" + old_value(place) + ", 0) + " + delta_value(place));
}

int GroupBuilder::sum_of(const std::string &key, const std::string &argument, Column column, std::string delta,
                         std::string full)
{
    if (known(key) >= 0)
        return known(key);
    int count = count_of(argument);
    int place = static_cast<int>(group_.states.size());
    remember(key, place);
    column.name = "pgt_sum_" + std::to_string(place);
    std::string o = old_value(place), d = delta_value(place);
    return state(std::move(column), std::move(delta), std::move(full),
                 "CASE WHEN coalesce(" + old_value(count) + ", 0) + " + delta_value(count) + " = 0 THEN NULL WHEN " +
                     o + " IS NULL THEN " + d + " WHEN " + d + " IS NULL THEN " + o + " ELSE " + o + " + " + d +
                     " END");
}

bool GroupBuilder::has_windows() const
{
    return std::all_of(group_.key_columns.begin(), group_.key_columns.end(),
                       [](const auto &column) { return column.is_sortable; });
}

std::string without_state_names(const std::string &text)
{
    std::string result;
    for (char c : text)
        result += c == '#' ? "##" : std::string(1, c);
    return result;
}

int GroupBuilder::recomputed(const Column &column, const std::string &full)
{
    if (known(full) >= 0)
        return known(full);
    int place = state(column, without_state_names(typed_null(column)), full, "o.#" + std::to_string(next_state()));
    recompute_if("true");
    expect_recomputation();
    remember(full, place);
    return place;
}

/*
 * States: the extremum m of the values, and t, the number of rows that have it. A delta has four values: I,
 * the extremum of its rows of positive weight, cI, the net weight of all its rows with that value, and R and
 * cR likewise for negative weight. A value may be inserted and deleted in one delta; only net weights count.
 *
 *   I beats m        m := I, t := cI      (below m nothing was stored, so cI is all there is)
 *   I = m            t := t + cI
 *   else, R = m      t := t + cR
 *   else             nothing changes
 *
 * If t <= 0 afterwards, the next value must be found: recompute. This includes the case that I beats m but
 * was retracted again (cI = 0), where the runner-up is unknown. Where equal values may differ in image,
 * retracting an extremum always recomputes, because the image shown may be the one that was deleted.
 */
Extremum GroupBuilder::extremum(const std::string &value, Column column, bool is_maximum, bool is_image)
{
    std::string key = std::string(is_maximum ? "max " : "min ") + value;
    if (extrema_.contains(key))
        return extrema_.at(key);
    const std::string by_pg_catalog = (is_maximum ? "pg_catalog.max(" : "pg_catalog.min(") + value + ")";
    column.name = "pgt_extremum_" + std::to_string(next_state());
    if (!column.is_sortable)
        return {recomputed(column, by_pg_catalog), {}};
    int place = static_cast<int>(group_.states.size());
    int m = place, t = place + 1, r = place + 2, rt = place + 3;
    std::string suffix = std::to_string(place);
    std::string is_beaten = delta_value(m) + " IS DISTINCT FROM NULL AND (" + old_value(m) +
                            " IS NOT DISTINCT FROM NULL OR " + delta_value(m) + (is_maximum ? " > " : " < ") +
                            old_value(m) + ")";
    std::string ties = "CASE WHEN " + is_beaten + " THEN " + delta_value(t) + " WHEN " + delta_value(m) + " = " +
                       old_value(m) + " THEN " + old_value(t) + " + " + delta_value(t) + " WHEN " + delta_value(r) +
                       " = " + old_value(m) + " THEN " + old_value(t) + " + " + delta_value(rt) + " ELSE coalesce(" +
                       old_value(t) + ", 0) END";
    const std::string direction = is_maximum ? "true" : "false";
    const std::string of_changes = "(" + value + ", i.pgt_weight, " + direction + ")";
    const std::string of_all = "(" + value + ", " + direction + ")";

    state(column, "pgtrickle.inserted_extremum" + of_changes, is_image ? "pgtrickle.extremum" + of_all : by_pg_catalog,
          "CASE WHEN " + is_beaten + " THEN " + delta_value(m) + " ELSE " + old_value(m) + " END");
    state(bigint_column("pgt_ties_" + suffix), "pgtrickle.inserted_ties" + of_changes,
          "pgtrickle.ties_of_extremum" + of_all, ties);
    column.name = "pgt_retracted_" + suffix;
    delta_state(column, "pgtrickle.retracted_extremum" + of_changes);
    delta_state(bigint_column("pgt_retracted_ties_" + suffix), "pgtrickle.retracted_ties" + of_changes);

    std::vector<std::string> lost = {"(" + delta_value(m) + " IS DISTINCT FROM NULL OR " + delta_value(r) +
                                     " IS DISTINCT FROM NULL) AND " + ties + " <= 0"};
    if (!is_image) {
        lost.push_back(delta_value(r) + " = " + old_value(m));
        lost.push_back(delta_value(r) + " = " + delta_value(m));
    }
    recompute_at_end({m, t, -1, is_maximum}, value, lost);
    extrema_[key] = {m, is_beaten};
    return extrema_.at(key);
}

void GroupBuilder::recompute_at_end(const GroupEnd &end, const std::string &value,
                                    const std::vector<std::string> &conditions)
{
    group_.recompute.insert(group_.recompute.end(), conditions.begin(), conditions.end());
    for (size_t i = 0; i < group_.arguments.size(); i++)
        if (value == "i.a" + std::to_string(i + 1) && group_.arguments[i].as_column() >= 0) {
            group_.ends.push_back(end);
            group_.ends.back().argument = static_cast<int>(i);
            return;
        }
    group_.is_recomputed_for_ends = false;
}

Group group_of(const Aggregate &aggregate, PlanPtr input)
{
    Group group;
    group.keys = aggregate.keys();
    for (int key : group.keys)
        group.key_columns.push_back(input->columns().at(key));
    group.input = std::move(input);
    GroupBuilder builder(group);
    builder.state(bigint_column("pgt_count"), std::string("coalesce(pg_catalog.sum(i.pgt_weight), 0)::") + int8,
                  "pg_catalog.count(*)", "coalesce(o.#0, 0) + d.#0");
    group.outputs = shown_keys(builder, aggregate.shown());
    for (const auto &call : aggregate.calls())
        group.outputs.push_back(call.family->keep(builder, call));
    return group;
}

} // namespace pgtrickle::engine
