/*
 * Any other aggregate: array_agg, string_agg, percentiles, a user's own; with DISTINCT, ORDER BY and FILTER
 * inside. The call is opaque. No state is merged: a touched group is recomputed from its rows, through an
 * index on the group's key, and the stored state is the value itself. So the value and its image are always
 * PostgreSQL's own.
 */
#include "engine/operators/aggregates/family.hpp"

#include <stdexcept>

namespace pgtrickle::engine {

namespace {

Value meaning(const std::map<int64_t, int64_t> &)
{
    throw std::logic_error("a holistic aggregate means what its whole call says");
}

Expression keep(GroupBuilder &group, const AggregateCall &call)
{
    Expression whole = *call.whole;
    for (auto &piece : whole.pieces)
        if (piece.index() == 0)
            piece = without_state_names(std::get<0>(piece));
    std::string text = whole.print([&](int position) { return group.input_column(position); });
    Column column = call.result;
    column.name = "pgt_value_" + std::to_string(group.next_state());
    return group.output_state(group.recomputed(column, text));
}

std::optional<Objection> objection(const AggregateCall &)
{
    return std::nullopt;
}

} // namespace

extern const Family holistic_family{.sql_name = nullptr, .meaning = meaning, .keep = keep, .objection = objection};

} // namespace pgtrickle::engine
