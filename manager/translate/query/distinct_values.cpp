#include "translate/query/distinct_values.hpp"

#include "engine/operators/aggregates/family.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
}

#include <algorithm>

namespace pgtrickle::translate {

namespace {

/* The distinct values of one or more aggregates. A row has several columns, and none that is NULL as a whole. */
struct Values {
    std::vector<engine::Expression> columns;
    std::optional<engine::Expression> filter;
    bool is_row;
};

constexpr ValueType int4 = {INT4OID, -1, InvalidOid};
constexpr ValueType boolean = {BOOLOID, -1, InvalidOid};

engine::Expression that_cannot_fail(std::vector<std::variant<std::string, int>> pieces, const engine::Column &result)
{
    engine::Expression made;
    made.pieces = std::move(pieces);
    made.result = result;
    made.may_fail = false;
    return made;
}

bool is_whole(const KeptCall &kept)
{
    return std::any_of(kept.calls.begin(), kept.calls.end(),
                       [](const auto &one) { return one.family == &engine::holistic_family; });
}

std::string text_of(const Values &values)
{
    std::string text = values.is_row ? "row" : "";
    auto print = [](int slot) { return "#" + std::to_string(slot); };
    for (const auto &column : values.columns)
        text += "|" + column.print(print) + " " + column.result.type;
    return text + (values.filter ? "|filter " + values.filter->print(print) : "");
}

/* Returns the values of an aggregate's only argument. */
std::optional<Values> values_of(const Aggref *aggregate, const Scope &scope)
{
    if (list_length(aggregate->args) != 1)
        return std::nullopt;
    auto *argument = reinterpret_cast<Node *>(linitial_node(TargetEntry, aggregate->args)->expr);
    Values values = {{}, {}, value_type(argument).type == RECORDOID};
    if (!values.is_row) {
        values.columns.push_back(expression_of(argument, scope));
    } else if (IsA(argument, RowExpr)) {
        ListCell *cell;
        foreach (cell, castNode(RowExpr, argument)->args) {
            auto *field = static_cast<Node *>(lfirst(cell));
            if (value_type(field).type == RECORDOID || value_type(field).type == UNKNOWNOID)
                return std::nullopt;
            values.columns.push_back(expression_of(field, scope));
        }
    }
    if (values.columns.empty())
        return std::nullopt;
    if (aggregate->aggfilter != nullptr)
        values.filter = expression_of(reinterpret_cast<Node *>(aggregate->aggfilter), scope);
    return values;
}

/* Returns the aggregate as a call over the column of its values, whose position is not known yet. */
std::optional<engine::AggregateCall> call_over(const Aggref *aggregate, const Values &values)
{
    const std::string name = call([&] { return get_func_name(aggregate->aggfnoid); });
    const auto *family = is_builtin(aggregate) ? engine::family_called(name) : nullptr;
    const bool is_count = family == &engine::count_family;
    if (family == nullptr || (!is_count && (values.is_row || engine::is_loose(values.columns[0].result))))
        return std::nullopt;
    auto *node = reinterpret_cast<Node *>(const_cast<Aggref *>(aggregate));
    engine::AggregateCall made = {family, values.columns[0], {}, column_of(value_type(node), name)};
    if (family->objection(made))
        return std::nullopt;
    return made;
}

class Union {
  public:
    explicit Union(const Input &from) : from_(from) {}

    /* Returns false if the aggregate has no states that follow the delta. */
    bool add(const Aggref *aggregate)
    {
        KeptCall kept = aggregate_call(aggregate, from_.scope);
        int set = -1;
        if (is_whole(kept)) {
            const bool is_distinct = aggregate->aggdistinct != NIL && has_plain_distinct(aggregate);
            auto values = is_distinct ? values_of(aggregate, from_.scope) : std::nullopt;
            auto over = values ? call_over(aggregate, *values) : std::nullopt;
            if (!over)
                return false;
            set = number_of(*values);
            kept = {{*over}, {}};
        }
        calls_.push_back(std::move(kept));
        set_of_call_.push_back(set);
        return true;
    }

    std::optional<DistinctValues> build()
    {
        if (sets_.empty())
            return std::nullopt;
        has_rows_ = std::any_of(set_of_call_.begin(), set_of_call_.end(), [](int set) { return set < 0; });
        std::vector<engine::PlanPtr> parts;
        if (has_rows_)
            parts.push_back(part(from_.plan, -1));
        for (size_t i = 0; i < sets_.size(); i++)
            parts.push_back(part(distinct_values(sets_[i]), static_cast<int>(i)));
        DistinctValues made = {parts.size() == 1 ? parts[0] : engine::union_all(parts), {}};
        for (size_t i = 0; i < calls_.size(); i++) {
            for (auto &one : calls_[i].calls)
                one = set_of_call_[i] < 0 ? over_rows(one) : over_values(one, set_of_call_[i]);
            made.calls.push_back(calls_[i]);
        }
        return made;
    }

  private:
    int number_of(const Values &values)
    {
        size_t number = 0;
        while (number < sets_.size() && text_of(sets_[number]) != text_of(values))
            number++;
        if (number == sets_.size())
            sets_.push_back(values);
        return static_cast<int>(number);
    }
    engine::PlanPtr distinct_values(const Values &values) const
    {
        std::vector<engine::NamedExpression> columns;
        for (const auto &column : values.columns)
            columns.push_back({column, "v" + std::to_string(columns.size() + 1)});
        const engine::PlanPtr rows = values.filter ? engine::filter(from_.plan, *values.filter) : from_.plan;
        return engine::distinct(engine::project(rows, columns));
    }
    /* The columns of the union: those of the rows, one for each set of values, and the part. */
    int row_width() const { return has_rows_ ? static_cast<int>(engine::columns(from_.plan).size()) : 0; }
    int part_column() const { return row_width() + static_cast<int>(sets_.size()); }
    engine::Expression value_column(size_t set) const
    {
        const engine::Column type = sets_[set].is_row ? column_of(boolean) : sets_[set].columns[0].result;
        return engine::column_reference(row_width() + static_cast<int>(set), type);
    }
    engine::PlanPtr part(const engine::PlanPtr &plan, int set) const
    {
        std::vector<engine::NamedExpression> columns;
        auto add = [&](engine::Expression expression) {
            columns.push_back({std::move(expression), "c" + std::to_string(columns.size() + 1)});
        };
        for (int i = 0; i < row_width(); i++) {
            const engine::Column &column = engine::columns(from_.plan)[i];
            add(set < 0 ? engine::column_reference(i, column) : engine::null_of(column));
        }
        for (size_t i = 0; i < sets_.size(); i++) {
            const engine::Column type = value_column(i).result;
            if (static_cast<int>(i) != set)
                add(engine::null_of(type));
            else
                add(sets_[i].is_row ? that_cannot_fail({std::string("true")}, type)
                                    : engine::column_reference(0, type));
        }
        if (has_rows_)
            add(that_cannot_fail({std::to_string(set + 1) + "::pg_catalog.int4"}, column_of(int4)));
        return engine::project(plan, columns);
    }
    /* The filter of a call may fail for NULLs, as the rows of other parts have. */
    engine::AggregateCall over_rows(engine::AggregateCall one) const
    {
        const engine::Expression is_row = that_cannot_fail({part_column(), std::string(" = 0")}, column_of(boolean));
        if (!one.filter) {
            one.filter = is_row;
            return one;
        }
        const bool may_fail = one.filter->may_fail;
        one.filter = that_cannot_fail({std::string("CASE WHEN "), 0, std::string(" THEN "), 1, std::string(" END")},
                                      column_of(boolean))
                         .compose({is_row, *one.filter});
        one.filter->may_fail = may_fail;
        return one;
    }
    engine::AggregateCall over_values(engine::AggregateCall one, int set) const
    {
        one.argument = value_column(set);
        return one;
    }

    const Input &from_;
    std::vector<KeptCall> calls_;
    std::vector<int> set_of_call_; /* -1: the rows */
    std::vector<Values> sets_;
    bool has_rows_ = false;
};

} // namespace

std::optional<DistinctValues> with_distinct_values(const Input &from, const std::vector<Node *> &aggregates)
{
    Union made(from);
    for (Node *aggregate : aggregates)
        if (!made.add(castNode(Aggref, aggregate)))
            return std::nullopt;
    return made.build();
}

} // namespace pgtrickle::translate
