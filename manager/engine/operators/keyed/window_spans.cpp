#include "engine/operators/keyed/span_nodes.hpp"

#include "engine/operators/keyed/recompute.hpp"

#include <algorithm>
#include <set>

namespace pgtrickle::engine {

bool is_running(const Following::Call &call)
{
    return call.kind != Following::Kind::nearby;
}

std::vector<int> running_calls(const Following &following)
{
    std::vector<int> result;
    for (size_t i = 0; i < following.calls.size(); i++)
        if (is_running(following.calls[i]))
            result.push_back(static_cast<int>(i));
    return result;
}

int64_t farthest(const Following &following, int64_t Following::Call::*reach)
{
    int64_t most = 0;
    for (const auto &call : following.calls)
        most = std::max(most, call.*reach);
    return most;
}

std::string place_among_copies(const Following::Call &call, const std::function<std::string(int)> &slot,
                               const std::string &sum)
{
    const std::string place = sum + " * pg_catalog.sign((" + call.argument->print(slot) + ")::pg_catalog.numeric)";
    return call.filter ? "CASE WHEN " + call.filter->print(slot) + " THEN " + place + " END" : place;
}

namespace {

std::vector<Column> columns_of_spans(const Window &window)
{
    std::vector<Column> columns;
    for (int key : window.partition())
        columns.push_back(window.columns().at(key));
    Column whole;
    whole.type = "pg_catalog.bool";
    columns.push_back(whole);
    for (int i = emit_low; i < first_base; i++)
        columns.push_back(window.columns().at(window.following()->order[0].column));
    for (int call : running_calls(*window.following()))
        columns.push_back(window.columns().at(window.inputs()[0]->width() + call));
    return columns;
}

std::vector<Column> leading(const std::vector<Column> &columns, size_t count)
{
    return {columns.begin(), columns.begin() + static_cast<std::ptrdiff_t>(count)};
}

/* ---- meaning: the ranges in memory ---------------------------------------------------- */

/* A row of the window's input; stored rows also have the values of its calls. A column that is not stored is NULL. */
using Weighted = std::vector<std::pair<Row, int64_t>>;
using Partitions = std::map<Row, Weighted>;

class Ranges {
  public:
    explicit Ranges(const SpannedWindow &spanned) : spanned_(spanned), window_(*spanned.window) {}

    const Following &following() const { return *window_.following(); }
    size_t key_count() const { return window_.partition().size(); }
    Partitions stored(const ZSet &rows) const
    {
        return by_key(rows, [&](const Row &row, int i) {
            const int at = spanned_.stored_at[i];
            return at < 0 ? Value() : row[at];
        });
    }
    Partitions changed(const ZSet &rows) const
    {
        const int width = window_.inputs()[0]->width();
        return by_key(
            rows, [&](const Row &row, int i) { return i < width && spanned_.stored_at[i] >= 0 ? row[i] : Value(); });
    }
    Value position(const Row &row) const { return row.at(following().order[0].column); }
    bool is_before(const Value &left, const Value &right) const
    {
        return following().order[0].is_descending ? left > right : left < right;
    }
    bool is_within(const Value &position, const Row &span, SpanColumn low, SpanColumn high) const
    {
        return !is_before(position, span[key_count() + low]) && !is_before(span[key_count() + high], position);
    }
    Value moved_by(const Value &from, const Weighted &rows, int64_t count, bool is_backwards) const;
    Value last(const Value &from, const Weighted &rows, bool is_backwards) const;
    bool moves(const Evaluation &evaluation, const Weighted &changes) const;
    Value base(const Evaluation &evaluation, int call, const Weighted &rows) const;

  private:
    template <class Get> Partitions by_key(const ZSet &rows, Get get) const
    {
        Partitions partitions;
        for (const auto &[row, weight] : rows.rows()) {
            Row whole, key;
            for (int i = 0; i < window_.width(); i++)
                whole.push_back(get(row, i));
            for (int column : window_.partition())
                key.push_back(whole[column]);
            partitions[key].emplace_back(whole, weight);
        }
        return partitions;
    }
    /* Returns the positions on one side of `from`, the nearest first, a position once for each row. */
    std::vector<Value> side(const Value &from, const Weighted &rows, bool is_backwards) const;
    bool precedes(const Row &left, const Row &right) const;

    const SpannedWindow &spanned_;
    const Window &window_;
};

std::vector<Value> Ranges::side(const Value &from, const Weighted &rows, bool is_backwards) const
{
    std::vector<Value> positions;
    for (const auto &[row, weight] : rows)
        if (is_backwards ? is_before(position(row), from) : is_before(from, position(row)))
            positions.insert(positions.end(), static_cast<size_t>(weight), position(row));
    std::sort(positions.begin(), positions.end(), [&](const Value &left, const Value &right) {
        return is_backwards ? is_before(right, left) : is_before(left, right);
    });
    return positions;
}

/* Returns the position of the row that is `count` rows away, or of the last row on that side. */
Value Ranges::moved_by(const Value &from, const Weighted &rows, int64_t count, bool is_backwards) const
{
    const auto positions = side(from, rows, is_backwards);
    return positions.empty() || count == 0 ? from : positions[std::min<size_t>(positions.size(), count) - 1];
}

Value Ranges::last(const Value &from, const Weighted &rows, bool is_backwards) const
{
    const auto positions = side(from, rows, is_backwards);
    return positions.empty() ? from : positions.back();
}

/* Whether the changes alter a value behind them. */
bool Ranges::moves(const Evaluation &evaluation, const Weighted &changes) const
{
    for (const auto &call : following().calls) {
        if (!is_running(call))
            continue;
        int64_t count = 0, sum = 0;
        for (const auto &[row, weight] : changes) {
            const Value value = call.argument ? evaluation.evaluate(*call.argument, row) : Value(0);
            if (!value || (call.filter && !evaluation.is_true(*call.filter, row)))
                continue;
            count += weight;
            sum += weight * *value;
        }
        if (call.kind == Following::Kind::dense_rank || count != 0 || sum != 0)
            return true;
    }
    return false;
}

/* NULLs are the largest, as in SQL. */
bool Ranges::precedes(const Row &left, const Row &right) const
{
    for (const auto &term : following().order) {
        const Value &a = left[term.column], &b = right[term.column];
        if (a != b)
            return (a && (!b || *a < *b)) != term.is_descending;
    }
    return false;
}

/* The twin of the function of that name that prints it. */
int64_t place_among_copies(const Evaluation &evaluation, const Following::Call &call, const Row &row, const Value &sum)
{
    if (call.kind != Following::Kind::sum || !sum || (call.filter && !evaluation.is_true(*call.filter, row)))
        return 0;
    const Value argument = evaluation.evaluate(*call.argument, row);
    return !argument || *argument == 0 ? 0 : *argument < 0 ? -*sum : *sum;
}

/* Returns the base of a call from the stored rows of one position. */
Value Ranges::base(const Evaluation &evaluation, int call, const Weighted &rows) const
{
    const size_t column = window_.inputs()[0]->width() + call;
    auto place = [&](const Row &row) {
        return place_among_copies(evaluation, following().calls[call], row, row[column]);
    };
    Value least, most;
    int64_t count = 0;
    const Row *last = nullptr;
    for (const auto &[row, weight] : rows) {
        least = count == 0 ? row[column] : std::min(least, row[column]);
        most = count == 0 ? row[column] : std::max(most, row[column]);
        count += weight;
        if (last == nullptr || precedes(*last, row) || (!precedes(row, *last) && place(*last) < place(row)))
            last = &row;
    }
    if (last == nullptr)
        return {};
    switch (following().calls[call].kind) {
    case Following::Kind::rank: return *least - 1 + count;
    case Following::Kind::sum: return (*last)[column];
    default: return most;
    }
}

Value combined(Following::Kind kind, const Value &base, const Value &value)
{
    if (kind == Following::Kind::nearby || !base)
        return value;
    return value ? Value(*base + *value) : base;
}

bool has_null_position(const Ranges &ranges, const Weighted &rows)
{
    return std::any_of(rows.begin(), rows.end(), [&](const auto &row) { return !ranges.position(row.first); });
}

Row span_of(const Ranges &ranges, const Evaluation &evaluation, const Row &key, const Weighted &changes,
            const Weighted &stored)
{
    const Following &following = ranges.following();
    const auto runs = running_calls(following);
    Row span = key;
    const bool has_no_span = std::find(key.begin(), key.end(), Value()) != key.end() ||
                             has_null_position(ranges, changes) || has_null_position(ranges, stored);
    span.push_back(Value(has_no_span));
    if (has_no_span) {
        span.resize(key.size() + first_base + runs.size());
        return span;
    }
    const int64_t before = farthest(following, &Following::Call::before);
    const int64_t after = farthest(following, &Following::Call::after);
    Value low = ranges.position(changes[0].first), high = low;
    for (const auto &[row, weight] : changes) {
        low = ranges.is_before(ranges.position(row), low) ? ranges.position(row) : low;
        high = ranges.is_before(high, ranges.position(row)) ? ranges.position(row) : high;
    }
    low = ranges.moved_by(low, stored, after, true);
    high = ranges.moves(evaluation, changes) ? ranges.last(high, stored, false)
                                             : ranges.moved_by(high, stored, before, false);
    const Value first = ranges.moved_by(low, stored, before, true);
    span.insert(span.end(), {low, high, first, ranges.moved_by(high, stored, after, false)});
    Weighted base;
    const Value last_before = ranges.moved_by(first, stored, 1, true);
    for (const auto &row : stored)
        if (ranges.is_before(last_before, first) && ranges.position(row.first) == last_before)
            base.push_back(row);
    for (int call : runs)
        span.push_back(ranges.base(evaluation, call, base));
    return span;
}

} // namespace

Spans::Spans(const SpannedWindow &spanned, const PlanPtr &delta)
    : SpanNode(spanned, {delta, spanned.stored}, columns_of_spans(*spanned.window))
{
}

ZSet Spans::meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const
{
    const Ranges ranges(spanned_);
    Partitions stored = ranges.stored(inputs[1]);
    ZSet result;
    for (const auto &[key, changes] : ranges.changed(inputs[0]))
        result.add(span_of(ranges, evaluation, key, changes, stored[key]), 1);
    return result;
}

PlanPtr Spans::with_inputs(std::vector<PlanPtr> inputs) const
{
    return spans_of(spanned_, inputs.at(0));
}

KeysWithoutSpan::KeysWithoutSpan(const SpannedWindow &spanned, const PlanPtr &spans)
    : SpanNode(spanned, {spans}, leading(spans->columns(), spanned.window->partition().size()))
{
}

ZSet KeysWithoutSpan::meaning(const Evaluation &, const std::vector<ZSet> &inputs) const
{
    ZSet result;
    for (const auto &[span, weight] : inputs[0].rows())
        if (*span[keys().size() + is_whole] != 0)
            result.add({span.begin(), span.begin() + static_cast<std::ptrdiff_t>(keys().size())}, 1);
    return result;
}

PlanPtr KeysWithoutSpan::with_inputs(std::vector<PlanPtr> inputs) const
{
    return keys_without_span(spanned_, inputs.at(0));
}

RowsAtChanges::RowsAtChanges(const SpannedWindow &spanned, const PlanPtr &delta)
    : SpanNode(spanned, {delta, spanned.stored}, spanned.stored->columns())
{
}

ZSet RowsAtChanges::meaning(const Evaluation &, const std::vector<ZSet> &inputs) const
{
    std::vector<int> columns = keys();
    columns.push_back(position());
    auto place = [&](const Row &row, auto at) {
        Row values;
        for (int column : columns)
            values.push_back(row.at(at(column)));
        return values;
    };
    std::set<Row> changed;
    for (const auto &[row, weight] : inputs[0].rows())
        changed.insert(place(row, [](int column) { return column; }));
    ZSet result;
    for (const auto &[row, weight] : inputs[1].rows()) {
        const Row its_place = place(row, [&](int column) { return spanned_.stored_at[column]; });
        if (std::find(its_place.begin(), its_place.end(), Value()) == its_place.end() && changed.contains(its_place))
            result.add(row, weight);
    }
    return result;
}

PlanPtr RowsAtChanges::with_inputs(std::vector<PlanPtr> inputs) const
{
    return rows_at_changes(spanned_, inputs.at(0));
}

ReplacedRows::ReplacedRows(const SpannedWindow &spanned, const PlanPtr &spans, const PlanPtr &at_changes)
    : SpanNode(spanned, {spans, at_changes, spanned.stored}, spanned.stored->columns())
{
}

ZSet ReplacedRows::meaning(const Evaluation &, const std::vector<ZSet> &inputs) const
{
    const Ranges ranges(spanned_);
    ZSet result;
    for (const auto &[row, weight] : inputs[2].rows())
        for (const auto &[span, one] : inputs[0].rows()) {
            bool is_in = *span[keys().size() + is_whole] == 0;
            for (size_t i = 0; i < keys().size(); i++)
                is_in = is_in && row[spanned_.stored_at[keys()[i]]] == span[i];
            if (is_in && ranges.is_within(row[spanned_.stored_at[position()]], span, emit_low, emit_high))
                result.add(row, weight);
        }
    return result;
}

PlanPtr ReplacedRows::with_inputs(std::vector<PlanPtr> inputs) const
{
    return replaced_rows(spanned_, inputs.at(0), inputs.at(1));
}

EmittedRows::EmittedRows(const SpannedWindow &spanned, const PlanPtr &spans, const PlanPtr &delta,
                         const PlanPtr &at_changes)
    : SpanNode(spanned, {spans, delta, spanned.stored, at_changes}, spanned.window->columns())
{
}

ZSet EmittedRows::meaning(const Evaluation &evaluation, const std::vector<ZSet> &inputs) const
{
    const Ranges ranges(spanned_);
    const size_t key_count = keys().size(), width = static_cast<size_t>(input_width());
    const auto runs = running_calls(following());
    Partitions stored = ranges.stored(inputs[2]), changed = ranges.changed(inputs[1]);
    ZSet result;
    for (const auto &[span, one] : inputs[0].rows()) {
        if (*span[key_count + is_whole] != 0)
            continue;
        const Row key(span.begin(), span.begin() + static_cast<std::ptrdiff_t>(key_count));
        ZSet read;
        for (const Weighted *part : {&stored[key], &changed[key]})
            for (const auto &[row, weight] : *part)
                if (ranges.is_within(ranges.position(row), span, read_low, read_high))
                    read.add({row.begin(), row.begin() + static_cast<std::ptrdiff_t>(width)}, weight);
        std::vector<Row> rows;
        for (const auto &[row, weight] : read.rows())
            rows.insert(rows.end(), static_cast<size_t>(std::max<int64_t>(weight, 0)), row);
        std::vector<Row> longer = rows;
        for (size_t call = 0; call < following().calls.size(); call++) {
            const auto run = std::find(runs.begin(), runs.end(), static_cast<int>(call));
            const Value base = run == runs.end() ? Value() : span[key_count + first_base + (run - runs.begin())];
            const auto values = evaluation.windowed(window().calls()[call].expression, rows);
            for (size_t i = 0; i < rows.size(); i++)
                longer[i].push_back(combined(following().calls[call].kind, base, values[i]));
        }
        for (const auto &row : longer)
            if (ranges.is_within(ranges.position(row), span, emit_low, emit_high))
                result.add(row, 1);
    }
    return result;
}

PlanPtr EmittedRows::with_inputs(std::vector<PlanPtr> inputs) const
{
    return emitted_rows(spanned_, inputs.at(0), inputs.at(1), inputs.at(3));
}

std::vector<bool> stored_columns(const Window &window, std::vector<bool> is_read)
{
    for (int key : window.partition())
        is_read.at(key) = true;
    for (size_t i = 0; i < window.calls().size(); i++) {
        for (int column : window.calls()[i].expression.columns())
            is_read.at(column) = true;
        if (is_running(window.following()->calls[i]))
            is_read.at(window.inputs()[0]->width() + i) = true;
    }
    return is_read;
}

namespace {

/* Whether rows that differ may be equal in these columns. */
bool has_ties(const PlanPtr &rows, const std::vector<int> &ordered)
{
    auto is_ordered = [&](int column) { return std::find(ordered.begin(), ordered.end(), column) != ordered.end(); };
    const std::vector<int> &key = rows->row_key();
    if (!key.empty() && rows->is_key_enforced() && std::all_of(key.begin(), key.end(), is_ordered))
        return false;
    for (int column = 0; column < rows->width(); column++)
        if (!is_ordered(column) || is_loose(rows->columns()[column]))
            return true;
    return false;
}

} // namespace

bool follows_delta(const Window &window, const PlanPtr &rows)
{
    if (!window.following())
        return false;
    const Following &following = *window.following();
    std::vector<int> place = window.partition(), ordered = window.partition();
    for (const auto &term : following.order)
        ordered.push_back(term.column);
    place.push_back(following.order.at(0).column);
    return !indexable(place, rows->columns()).empty() && std::all_of(place.begin(), place.end(), [&](int column) {
        return has_plain_equality(rows->columns()[column]);
    }) && std::all_of(following.calls.begin(), following.calls.end(), [&](const auto &call) {
        return call.is_of_peers || !has_ties(rows, ordered);
    });
}

PlanPtr spans_of(const SpannedWindow &spanned, const PlanPtr &delta)
{
    return std::make_shared<Spans>(spanned, delta);
}

PlanPtr keys_without_span(const SpannedWindow &spanned, const PlanPtr &spans)
{
    return std::make_shared<KeysWithoutSpan>(spanned, spans);
}

PlanPtr rows_at_changes(const SpannedWindow &spanned, const PlanPtr &delta)
{
    return std::make_shared<RowsAtChanges>(spanned, delta);
}

PlanPtr emitted_rows(const SpannedWindow &spanned, const PlanPtr &spans, const PlanPtr &delta,
                     const PlanPtr &at_changes)
{
    return std::make_shared<EmittedRows>(spanned, spans, delta, at_changes);
}

PlanPtr replaced_rows(const SpannedWindow &spanned, const PlanPtr &spans, const PlanPtr &at_changes)
{
    return std::make_shared<ReplacedRows>(spanned, spans, at_changes);
}

PlanPtr rows_if_any(const PlanPtr &rows, const PlanPtr &touched)
{
    return std::make_shared<RowsIfAny>(rows, touched);
}

} // namespace pgtrickle::engine
