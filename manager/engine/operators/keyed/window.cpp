/*
 * Window functions: each row of the input with the values of functions over its partition. A changed row
 * changes nothing outside of its partition, so the step that a window becomes recomputes the partitions of
 * the changed rows (recompute.hpp), whatever the functions, their orders and their frames are: they stay
 * text. Where the values are known to follow from rows near them (plan/following.hpp), it computes those near
 * the changes only (window_spans.hpp).
 *
 * A function whose value depends on the order of ties has several correct values; all rows of a partition
 * come from one execution of one statement, so the stored values are one of the correct answers.
 */
#include "engine/operators/keyed/window.hpp"

#include "engine/operators/sql.hpp"

#include <stdexcept>

namespace pgtrickle::engine {

namespace {

std::vector<Column> columns_of(const PlanPtr &input, const std::vector<NamedExpression> &calls)
{
    std::vector<Column> columns = input->columns();
    for (const auto &call : calls) {
        columns.push_back(call.expression.result);
        columns.back().name = call.name;
    }
    return columns;
}

} // namespace

Window::Window(PlanPtr input, std::vector<int> partition, std::vector<NamedExpression> calls,
               std::optional<Following> following)
    : PlanNode({input}, columns_of(input, calls)), partition_(std::move(partition)), calls_(std::move(calls)),
      following_(std::move(following))
{
}

std::string Window::describe() const
{
    auto name = [&](int i) { return inputs()[0]->columns()[i].name; };
    std::vector<std::string> parts;
    for (const auto &call : calls_)
        parts.push_back(call.expression.print(name));
    return "window " + joined(parts, ", ");
}

ZSet Window::meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const
{
    std::map<Row, std::vector<Row>> partitions;
    for (const auto &[row, weight] : inputs[0].rows()) {
        Row key;
        for (int position : partition_)
            key.push_back(row[position]);
        for (int64_t copy = 0; copy < weight; copy++)
            partitions[key].push_back(row);
    }
    ZSet result;
    for (auto &[key, rows] : partitions) {
        std::vector<Row> longer = rows;
        for (const auto &call : calls_) {
            std::vector<Value> values = evaluation.windowed(call.expression, rows);
            for (size_t i = 0; i < rows.size(); i++)
                longer[i].push_back(values[i]);
        }
        for (const auto &row : longer)
            result.add(row, 1);
    }
    return result;
}

PlanPtr Window::derivative(Differentiator &) const
{
    throw std::logic_error("a window is differentiated through its arrangement");
}

Select Window::print(Printer &printer) const
{
    Select rows = printer.select(inputs()[0]);
    Select select = rows;
    for (const auto &call : calls_)
        select.add_output(call.expression.print([&](int i) { return rows.slot(i); }), false);
    return printer.wrap(Printer::numbered(select, false), width(), false);
}

PlanPtr Window::with_inputs(std::vector<PlanPtr> inputs) const
{
    return window(inputs.at(0), partition_, calls_, following_);
}

std::pair<int, int> Window::origin(int position) const
{
    return position < inputs()[0]->width() ? std::pair{0, position} : std::pair{-1, position};
}

PlanPtr window(PlanPtr input, std::vector<int> partition, std::vector<NamedExpression> calls,
               std::optional<Following> following)
{
    for (int key : partition)
        if (key < 0 || key >= input->width())
            throw std::invalid_argument("a partition key that the input does not have");
    for (const auto &call : calls)
        check_slots(call.expression, input->width());
    if (following && (following->order.empty() || following->calls.size() != calls.size()))
        throw std::invalid_argument("a window that follows its delta needs an order and a rule for each call");
    return std::make_shared<Window>(std::move(input), std::move(partition), std::move(calls), std::move(following));
}

namespace {

void append(Expression &call, const std::string &text)
{
    call.pieces.emplace_back(text);
}
void append(Expression &call, int slot)
{
    call.pieces.emplace_back(std::in_place_type<int>, slot);
}

void append(Expression &call, const char *word, const std::vector<int> &slots)
{
    for (size_t i = 0; i < slots.size(); i++) {
        append(call, std::string(i == 0 ? word : ", "));
        append(call, slots[i]);
    }
}

/* row_number() and lag() are ordered by all columns: ties are then copies of one row. */
Expression sample_call(Sampler &sampler, const std::vector<int> &partition, int width)
{
    static const char *const functions[] = {"row_number(", "lag(", "rank(", "count(", "sum("};
    const int function = width == 0 ? 0 : sampler.below(5);
    Expression call;
    append(call, std::string("pg_catalog.") + functions[function]);
    if (function == 1 || function > 2)
        append(call, sampler.below(width));
    append(call, std::string(")"));
    if (function > 2 && sampler.below(3) == 0) {
        append(call, std::string(" FILTER (WHERE "));
        for (const auto &piece : sampler.predicate(width).pieces)
            call.pieces.push_back(piece);
        append(call, std::string(")"));
    }
    std::vector<int> keys = partition, order;
    if (width > 0 && sampler.below(4) == 0)
        keys.push_back(sampler.below(width));
    for (int i = 0; i < width; i++)
        if (function < 2 || sampler.below(3) == 0)
            order.push_back(i);
    append(call, std::string(" OVER ("));
    append(call, "PARTITION BY ", keys);
    append(call, " ORDER BY ", order);
    append(call, std::string(!order.empty() && sampler.below(2) == 0 ? " DESC)" : ")"));
    call.result = sampler.column();
    return call;
}

/* Returns a call that follows the delta, and its rule. All columns order the rows if `has_no_ties`: row_number(),
 * lag(), lead() and sums over frames of rows depend on the order of ties. */
std::pair<Expression, Following::Call> sample_followed(Sampler &sampler, int width, bool has_no_ties)
{
    struct Known {
        const char *function;
        Following::Call rule;
    };
    static const Known known[] = {{"row_number(", {Following::Kind::count}},
                                  {"rank(", {Following::Kind::rank}},
                                  {"dense_rank(", {Following::Kind::dense_rank}},
                                  {"count(", {Following::Kind::count}},
                                  {"sum(", {Following::Kind::sum}},
                                  {"sum(", {Following::Kind::sum, 0, 0, false}},
                                  {"lag(", {Following::Kind::nearby, 1, 0, false}},
                                  {"lead(", {Following::Kind::nearby, 0, 1, false}}};
    const int function = has_no_ties ? sampler.below(8) : 1 + sampler.below(4);
    Following::Call rule = known[function].rule;
    Expression call;
    append(call, std::string("pg_catalog.") + known[function].function);
    if (function > 2) {
        const int column = sampler.below(width);
        append(call, column);
        if (function < 6)
            rule.argument = column_reference(column, {});
    }
    append(call, std::string(")"));
    if (rule.argument && sampler.below(3) == 0) {
        rule.filter = sampler.predicate(width);
        append(call, std::string(" FILTER (WHERE "));
        call.pieces.insert(call.pieces.end(), rule.filter->pieces.begin(), rule.filter->pieces.end());
        append(call, std::string(")"));
    }
    return {call, rule};
}

/* Returns a window whose calls follow the delta, if its columns can be indexed. */
PlanPtr sample_following(Sampler &sampler, PlanPtr plan, const std::vector<int> &partition, const std::string &name)
{
    const bool has_no_ties = sampler.below(2) == 0, is_descending = sampler.below(2) == 0;
    std::vector<int> order{sampler.below(plan->width())};
    for (int i = 0; i < plan->width(); i++)
        if (i != order[0] && (has_no_ties || sampler.below(3) == 0))
            order.push_back(i);
    Following following;
    for (int column : order)
        following.order.push_back(
            {column, is_descending && column == order.back() ? " DESC" : "", is_descending && column == order.back()});
    std::vector<NamedExpression> calls;
    const int count = 1 + sampler.below(3);
    for (int i = 0; i < count; i++) {
        auto [call, rule] = sample_followed(sampler, plan->width(), has_no_ties);
        append(call, std::string(" OVER ("));
        append(call, "PARTITION BY ", partition);
        append(call, " ORDER BY ", order);
        const bool is_of_rows = rule.kind == Following::Kind::sum && !rule.is_of_peers;
        append(call, std::string(is_descending ? " DESC" : "") + (is_of_rows ? " ROWS UNBOUNDED PRECEDING)" : ")"));
        call.result = sampler.column();
        calls.push_back({call, name + std::to_string(i + 1)});
        following.calls.push_back(rule);
    }
    return window(std::move(plan), partition, std::move(calls), std::move(following));
}

/* Returns the rows with a small value of the last call. */
PlanPtr sample_first_of_window(Sampler &sampler, PlanPtr plan)
{
    const UpperBound bound{plan->width() - 1, 1 + sampler.below(3)};
    Expression predicate;
    append(predicate, bound.column);
    append(predicate, " <= " + std::to_string(bound.most));
    predicate.result = sampler.column();
    return filter(std::move(plan), std::move(predicate), bound);
}

} // namespace

PlanPtr sample_window(Sampler &sampler)
{
    PlanPtr plan = sampler.plan();
    const int windows = 1 + sampler.below(2);
    for (int i = 0; i < windows; i++) {
        std::vector<int> partition;
        for (int key = 0; key < plan->width(); key++)
            if (sampler.below(3) == 0)
                partition.push_back(key);
        if (plan->width() > 0 && sampler.below(2) == 0) {
            plan = sample_following(sampler, plan, partition, "w" + std::to_string(i + 1));
            if (sampler.below(2) == 0)
                plan = sample_first_of_window(sampler, plan);
            continue;
        }
        std::vector<NamedExpression> calls;
        const int count = 1 + sampler.below(2);
        for (int call = 0; call < count; call++)
            calls.push_back({sample_call(sampler, partition, plan->width()),
                             "w" + std::to_string(i + 1) + std::to_string(call + 1)});
        plan = window(plan, partition, calls);
    }
    return plan;
}

} // namespace pgtrickle::engine
