/*
 * min(x), max(x): the extremum with its ties (group.cpp argues why that is enough).
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
    bool is_image = argument.equality == Equality::image ||
                    (argument.equality == Equality::scaled && declared_scale(argument.type));
    group.expect_recomputation();
    return group.output_state(group.extremum_of(group.argument(call), column, is_maximum, is_image));
}

Expression keep_min(GroupBuilder &group, const AggregateCall &call) { return keep(group, call, false); }
Expression keep_max(GroupBuilder &group, const AggregateCall &call) { return keep(group, call, true); }

std::optional<Objection> objection(const AggregateCall &) { return std::nullopt; }

} // namespace

const Family min_family{"min", min_meaning, keep_min, objection};
const Family max_family{"max", max_meaning, keep_max, objection};

const Family &family_of(AggregateFamily family)
{
    switch (family) {
    case AggregateFamily::count:
        return count_family;
    case AggregateFamily::sum:
        return sum_family;
    case AggregateFamily::average:
        return average_family;
    case AggregateFamily::min:
        return min_family;
    case AggregateFamily::max:
        return max_family;
    default:
        return holistic_family;
    }
}

} // namespace pgtrickle::engine
