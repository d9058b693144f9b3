/*
 * Grouping. It is not linear: it keeps an arrangement, one row for each group with the states of its
 * aggregates (aggregates/group.hpp), and its derivative is the change that apply made there. Without keys it
 * is the global aggregate, which has one row even for no input.
 */
#include "engine/operators/aggregates/aggregate.hpp"

#include "engine/operators/aggregates/family.hpp"
#include "engine/operators/sql.hpp"

#include <algorithm>
#include <stdexcept>

namespace pgtrickle::engine {

namespace {

std::vector<Column> columns_of(const PlanPtr &input, const std::vector<int> &keys,
                               const std::vector<AggregateCall> &calls)
{
    std::vector<Column> columns;
    for (int key : keys)
        columns.push_back(input->columns().at(key));
    for (const auto &call : calls)
        columns.push_back(call.result);
    return columns;
}

Value value_of(const AggregateCall &call, const Evaluation &evaluation, const ZSet &rows)
{
    if (call.whole)
        return evaluation.aggregate(*call.whole, rows);
    std::map<int64_t, int64_t> values;
    for (const auto &[row, weight] : rows.rows()) {
        if (call.filter && !evaluation.is_true(*call.filter, row))
            continue;
        Value value = call.argument ? evaluation.evaluate(*call.argument, row) : Value{1};
        if (value)
            values[*value] += weight;
    }
    std::erase_if(values, [](const auto &entry) { return entry.second == 0; });
    return call.family->meaning(values);
}

} // namespace

Aggregate::Aggregate(PlanPtr input, std::vector<int> keys, std::vector<AggregateCall> calls, std::string written,
                     std::optional<Expression> shown)
    : PlanNode({input}, columns_of(input, keys, calls)), keys_(std::move(keys)), calls_(std::move(calls)),
      written_(std::move(written)), shown_(std::move(shown))
{
}

std::string Aggregate::written() const
{
    return !written_.empty() ? written_ : keys_.empty() ? "an aggregate function" : "GROUP BY";
}

std::string Aggregate::describe() const
{
    std::vector<std::string> names, functions;
    for (int key : keys_)
        names.push_back(inputs()[0]->columns()[key].name);
    auto name = [&](int i) { return inputs()[0]->columns()[i].name; };
    for (const auto &call : calls_) {
        if (call.whole) {
            functions.push_back(call.whole->print(name));
            continue;
        }
        std::string argument = call.argument ? call.argument->print(name) : "*";
        functions.push_back(std::string(call.family->sql_name) + "(" + argument + ")" +
                            (call.filter ? " filter " + call.filter->print(name) : ""));
    }
    return (keys_.empty() ? std::string("aggregate") : "group by " + joined(names, ", ")) +
           (functions.empty() ? "" : ": " + joined(functions, ", "));
}

ZSet Aggregate::meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const
{
    struct Members {
        std::optional<Row> shown; /* the least image of the key that may be shown */
        Row any;
        ZSet rows;
    };
    std::map<Row, Members> groups;
    if (keys_.empty())
        groups[{}];
    for (const auto &[row, weight] : inputs[0].rows()) {
        Row image, key;
        for (int position : keys_) {
            image.push_back(row[position]);
            key.push_back(evaluation.equality_class(this->inputs()[0]->columns()[position], row[position]));
        }
        Members &members = groups.try_emplace(key, Members{{}, image, {}}).first->second;
        if (!shown_ || evaluation.is_true(*shown_, row))
            members.shown = members.shown ? std::min(*members.shown, image) : image;
        members.rows.add(row, weight);
    }
    ZSet result;
    for (const auto &[key, members] : groups) {
        Row row = members.shown.value_or(members.any);
        for (size_t i = 0; i < keys_.size(); i++)
            if (!members.shown && is_loose(columns()[i]))
                row[i] = std::nullopt;
        for (const auto &call : calls_)
            row.push_back(value_of(call, evaluation, members.rows));
        result.add(row, 1);
    }
    return result;
}

PlanPtr Aggregate::derivative(Differentiator &) const
{
    throw std::logic_error("a grouping is differentiated through its arrangement");
}

Select Aggregate::print(Printer &) const
{
    throw std::logic_error("a grouping is read through its arrangement");
}

std::optional<Objection> Aggregate::objection() const
{
    for (const auto &call : calls_)
        if (auto found = call.family->objection(call))
            return found;
    return std::nullopt;
}

PlanPtr Aggregate::with_inputs(std::vector<PlanPtr> inputs) const
{
    aggregate(inputs.at(0), keys_, calls_); /* checks them */
    return std::make_shared<Aggregate>(inputs.at(0), keys_, calls_, written_, shown_);
}

PlanPtr aggregate(PlanPtr input, std::vector<int> keys, std::vector<AggregateCall> calls, std::string written)
{
    int width = input->width();
    for (int key : keys)
        if (key < 0 || key >= width)
            throw std::invalid_argument("a grouping key that the input does not have");
    for (const auto &call : calls) {
        if (call.argument)
            check_slots(*call.argument, width);
        else if (call.whole)
            check_slots(*call.whole, width);
        else if (!call.family->counts_rows)
            throw std::invalid_argument("an aggregate that needs an argument");
        if (call.filter)
            check_slots(*call.filter, width);
    }
    return std::make_shared<Aggregate>(std::move(input), std::move(keys), std::move(calls), std::move(written));
}

namespace {

/* A random call of an aggregate that belongs to the holistic family. */
Expression sample_whole(Sampler &sampler, int width)
{
    Expression frame;
    if (sampler.below(2) == 0)
        frame.pieces = {std::string("pg_catalog.count(DISTINCT "), 0, std::string(")")};
    else
        frame.pieces = {std::string("dot_product("),     0, std::string(", "), 1,
                        std::string(") FILTER (WHERE "), 2, std::string(")")};
    return frame.compose({sampler.scalar(width), sampler.scalar(width), sampler.predicate(width)});
}

const Family *sample_family(Sampler &sampler)
{
    int all = 0;
    for (const Family *family : families())
        all += family->sampler_weight;
    int left = sampler.below(all);
    for (const Family *family : families())
        if ((left -= family->sampler_weight) < 0)
            return family;
    return &holistic_family;
}

} // namespace

AggregateCall sample_call(Sampler &sampler, int width)
{
    const Family *family = sample_family(sampler);
    AggregateCall call{family, {}, {}, sampler.column()};
    if (family == &holistic_family) {
        call.whole = sample_whole(sampler, width);
        return call;
    }
    if (!family->counts_rows || sampler.below(2) == 0)
        call.argument = sampler.scalar(width);
    if (sampler.below(3) == 0)
        call.filter = sampler.predicate(width);
    return call;
}

PlanPtr sample_aggregate(Sampler &sampler)
{
    PlanPtr input = sampler.plan();
    std::vector<int> keys;
    for (int i = 0; i < input->width(); i++)
        if (sampler.below(3) == 0)
            keys.push_back(i);
    std::vector<AggregateCall> calls;
    int count = 1 + sampler.below(3);
    for (int i = 0; i < count; i++)
        calls.push_back(sample_call(sampler, input->width()));
    std::optional<Expression> shown;
    if (sampler.below(3) == 0)
        shown = sampler.predicate(input->width());
    return std::make_shared<Aggregate>(input, keys, calls, std::string(), shown);
}

} // namespace pgtrickle::engine
