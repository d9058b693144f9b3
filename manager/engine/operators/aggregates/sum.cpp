/*
 * sum(x). Exact sums (integers, money, interval) are reversed by subtraction. The number of values that are
 * not NULL determines whether the sum is NULL, so the state is the value itself.
 *
 * numeric: the image of a sum has the largest scale of its values, which a subtraction does not reverse; NaN
 * and the infinities can be added but not subtracted. So the largest scale is kept with its ties. Retracting
 * the last value of that scale recomputes the group, and so does any special value in the delta, whose sum is
 * then special (a special value may have been deleted in exchange for another).
 *
 * interval: an infinity can be added but not subtracted either, and two opposite ones cannot be added. So a delta adds
 * finite values only, and an infinite one recomputes the group. PostgreSQL multiplies an interval as a float8, so
 * weights have a function of their own.
 *
 * float: additions only. A retraction recomputes the group (1e16 + 1 - 1e16 = 0).
 */
#include "engine/operators/aggregates/family.hpp"

namespace pgtrickle::engine {

namespace {

/* Returns the value times its weight, which is nearly always 1 or -1; `product` is for other weights. */
std::string signed_value(const std::string &argument, const std::string &product)
{
    return "CASE i.pgt_weight WHEN 1 THEN " + argument + " WHEN -1 THEN - " + argument + " ELSE " + product + " END";
}

int keep_numeric_sum(GroupBuilder &group, const std::string &argument, const Column &of)
{
    std::string key = "sum numeric " + argument;
    if (group.known(key) >= 0)
        return group.known(key);
    int sum = group.sum_of(key, argument, column_of(TypeKind::numeric),
                           "pg_catalog.sum(" + signed_value(argument, "i.pgt_weight * " + argument) + ")",
                           "pg_catalog.sum(" + argument + ")");
    const std::string of_delta = "d.#" + std::to_string(sum);
    group.recompute_if("NOT (" + of_delta + " > '-Infinity'::pg_catalog.numeric AND " + of_delta +
                       " < 'Infinity'::pg_catalog.numeric)");
    if (!of.scale)
        group.extremum_of("pg_catalog.scale(" + argument + ")", column_of(TypeKind::int4), true, true);
    return sum;
}

int keep_float_sum(GroupBuilder &group, const std::string &argument, TypeKind kind)
{
    const Column made = column_of(kind);
    std::string key = "sum " + made.type + " " + argument;
    if (group.known(key) >= 0)
        return group.known(key);
    std::string cast = "::" + made.type;
    int sum =
        group.sum_of(key, argument, made,
                     "pg_catalog.sum((i.pgt_weight * " + argument + ")" + cast + ") FILTER (WHERE i.pgt_weight > 0)",
                     "pg_catalog.sum(" + argument + cast + ")");
    Column column = column_of(TypeKind::int8);
    column.name = "pgt_retracted_" + std::to_string(sum + 1);
    int retracted = group.delta_state(column, "pg_catalog.count(" + argument + ") FILTER (WHERE i.pgt_weight < 0)");
    group.recompute_if("d.#" + std::to_string(retracted) + " > 0");
    group.expect_recomputation();
    return sum;
}

int keep_interval_sum(GroupBuilder &group, const std::string &argument)
{
    const std::string key = "sum interval " + argument;
    if (group.known(key) >= 0)
        return group.known(key);
    const std::string product = signed_value(argument, "pgtrickle.weighted(" + argument + ", i.pgt_weight)");
    const int sum = group.sum_of(key, argument, column_of(TypeKind::interval),
                                 "pg_catalog.sum(" + product + ") FILTER (WHERE pg_catalog.isfinite(" + argument + "))",
                                 "pg_catalog.sum(" + argument + ")");
    Column column = column_of(TypeKind::int8);
    column.name = "pgt_infinite_" + std::to_string(sum + 1);
    const int infinite =
        group.delta_state(column, "pg_catalog.count(*) FILTER (WHERE NOT pg_catalog.isfinite(" + argument + "))");
    group.recompute_if("d.#" + std::to_string(infinite) + " > 0");
    return sum;
}

int keep_exact_sum(GroupBuilder &group, const std::string &argument, TypeKind kind, const std::string &weighted)
{
    const Column made = column_of(kind);
    return group.sum_of("sum " + made.type + " " + argument, argument, made,
                        "pg_catalog.sum(" + weighted + ")::" + made.type, "pg_catalog.sum(" + argument + ")");
}

} // namespace

int keep_sum(GroupBuilder &group, const AggregateCall &call, bool as_float8)
{
    std::string argument = group.argument(call);
    std::string weighted = "i.pgt_weight * " + argument;
    switch (call.argument->result.kind) {
    case TypeKind::int2:
    case TypeKind::int4: return keep_exact_sum(group, argument, TypeKind::int8, weighted);
    case TypeKind::int8: return keep_exact_sum(group, argument, TypeKind::numeric, weighted + "::pg_catalog.numeric");
    case TypeKind::money: return keep_exact_sum(group, argument, TypeKind::money, weighted);
    case TypeKind::interval: return keep_interval_sum(group, argument);
    case TypeKind::float4: return keep_float_sum(group, argument, as_float8 ? TypeKind::float8 : TypeKind::float4);
    case TypeKind::float8: return keep_float_sum(group, argument, TypeKind::float8);
    default: return keep_numeric_sum(group, argument, call.argument->result);
    }
}

std::optional<Objection> objection_to_sum(const AggregateCall &call, const char *name)
{
    if (call.argument && call.argument->result.kind != TypeKind::other)
        return std::nullopt;
    return Objection{std::string(name) + "() of this type", "values cannot be removed from its state",
                     "Use refresh mode FULL, or sum a numeric expression."};
}

namespace {

Value meaning(const std::map<int64_t, int64_t> &values)
{
    Value sum;
    for (const auto &[value, weight] : values)
        sum = sum.value_or(0) + value * weight;
    return sum;
}

Expression keep(GroupBuilder &group, const AggregateCall &call)
{
    return group.output_state(keep_sum(group, call, false));
}

std::optional<Objection> objection(const AggregateCall &call)
{
    return objection_to_sum(call, "sum");
}

} // namespace

extern const Family sum_family{.sql_name = "sum", .meaning = meaning, .keep = keep, .objection = objection};

} // namespace pgtrickle::engine
