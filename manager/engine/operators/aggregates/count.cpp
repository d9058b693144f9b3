/*
 * count(*), count(x), with FILTER: the count itself is the state.
 */
#include "engine/operators/aggregates/family.hpp"

namespace pgtrickle::engine {

namespace {

Value meaning(const std::map<int64_t, int64_t> &values)
{
    int64_t count = 0;
    for (const auto &[value, weight] : values)
        count += weight;
    return count;
}

Expression keep(GroupBuilder &group, const AggregateCall &call)
{
    if (!call.argument && !call.filter)
        return group.output_state(0);
    return group.output_state(group.count_of(group.argument(call)));
}

std::optional<Objection> objection(const AggregateCall &)
{
    return std::nullopt;
}

} // namespace

extern const Family count_family{
    .sql_name = "count", .meaning = meaning, .keep = keep, .objection = objection, .counts_rows = true};

} // namespace pgtrickle::engine
