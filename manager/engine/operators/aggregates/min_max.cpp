/*
 * min(x), max(x): the extremum with its ties (group.cpp proves that they are sufficient).
 */
#include "engine/operators/aggregates/family.hpp"

namespace pgtrickle::engine {

namespace {

Value min_meaning(const std::map<int64_t, int64_t> &values)
{
    return values.empty() ? Value{} : Value{values.begin()->first};
}

Value max_meaning(const std::map<int64_t, int64_t> &values)
{
    return values.empty() ? Value{} : Value{values.rbegin()->first};
}

Expression keep(GroupBuilder &group, const AggregateCall &call, bool is_maximum)
{
    Column column = call.result;
    const Column &argument = call.argument->result;
    if (column.collation.empty())
        column.collation = argument.collation;
    group.expect_recomputation();
    return group.output_state(group.extremum_of(group.argument(call), column, is_maximum, !is_loose(argument)));
}

Expression keep_min(GroupBuilder &group, const AggregateCall &call)
{
    return keep(group, call, false);
}
Expression keep_max(GroupBuilder &group, const AggregateCall &call)
{
    return keep(group, call, true);
}

std::optional<Objection> objection(const AggregateCall &)
{
    return std::nullopt;
}

} // namespace

extern const Family min_family{
    .sql_name = "min", .meaning = min_meaning, .keep = keep_min, .objection = objection, .is_idempotent = true};
extern const Family max_family{
    .sql_name = "max", .meaning = max_meaning, .keep = keep_max, .objection = objection, .is_idempotent = true};

} // namespace pgtrickle::engine
