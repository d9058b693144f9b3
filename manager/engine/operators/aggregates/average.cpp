/*
 * avg(x): PostgreSQL's own division of the sum by the number of values, so that the image (scale, rounding)
 * is PostgreSQL's too. The sum is NULL when there are no values. PostgreSQL adds floats to a 0, so that the average of
 * negative zeros is 0, while their sum is -0.
 */
#include "engine/operators/aggregates/family.hpp"

namespace pgtrickle::engine {

namespace {

Value meaning(const std::map<int64_t, int64_t> &values)
{
    int64_t sum = 0, count = 0;
    for (const auto &[value, weight] : values) {
        sum += value * weight;
        count += weight;
    }
    return count == 0 ? Value{} : Value{sum / count};
}

Expression keep(GroupBuilder &group, const AggregateCall &call)
{
    int sum = keep_sum(group, call, true);
    int count = group.count_of(group.argument(call));
    std::string s = "#" + std::to_string(sum), n = "#" + std::to_string(count);
    switch (call.argument->result.kind) {
    case TypeKind::float4:
    case TypeKind::float8: s = "(0::pg_catalog.float8 + " + s + ")"; [[fallthrough]];
    case TypeKind::interval:
        return group.output("CASE WHEN " + n + " > 0 THEN " + s + " / " + n + "::pg_catalog.float8 END", call.result);
    default:
        return group.output("CASE WHEN " + n + " > 0 THEN " + s + "::pg_catalog.numeric / " + n +
                                "::pg_catalog.numeric END",
                            call.result);
    }
}

std::optional<Objection> objection(const AggregateCall &call)
{
    if (call.argument && call.argument->result.kind == TypeKind::money)
        return objection_to_sum(AggregateCall{call.family, std::nullopt, {}, {}}, "avg");
    return objection_to_sum(call, "avg");
}

} // namespace

extern const Family average_family{.sql_name = "avg", .meaning = meaning, .keep = keep, .objection = objection};

} // namespace pgtrickle::engine
