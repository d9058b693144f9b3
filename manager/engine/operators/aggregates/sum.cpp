/*
 * sum(x). Exact sums (integers, money, interval) are taken back by subtraction. The number
 * of values that are not NULL tells when the sum is NULL, so the state is the answer itself.
 *
 * numeric: the image of a sum has the largest scale of its values, which a subtraction
 * does not take back; NaN and the infinities can be added but not subtracted. So the largest
 * scale is kept with its ties, and retracting the last value of that scale recomputes the
 * group, and so does any special value in the delta (one may have come for another).
 *
 * float: additions only. A retraction recomputes the group (1e16 + 1 - 1e16 = 0).
 */
#include "engine/operators/aggregates/family.hpp"

#include <utility>

namespace pgtrickle::engine {

Kind kind_of(const std::string &type)
{
    static const std::pair<const char *, Kind> names[] = {
        {"int2", Kind::int2},       {"smallint", Kind::int2},          {"int4", Kind::int4},
        {"integer", Kind::int4},    {"int8", Kind::int8},              {"bigint", Kind::int8},
        {"numeric", Kind::numeric}, {"float4", Kind::float4},          {"real", Kind::float4},
        {"float8", Kind::float8},   {"double precision", Kind::float8}, {"money", Kind::money},
        {"interval", Kind::interval}};
    std::string name = type.substr(0, type.find('('));
    if (name.rfind("pg_catalog.", 0) == 0)
        name = name.substr(11);
    if (name.rfind("interval ", 0) == 0)
        name = "interval";
    for (const auto &[known, kind] : names)
        if (name == known)
            return kind;
    return Kind::other;
}

std::optional<int> declared_scale(const std::string &type)
{
    size_t open = type.find('(');
    if (kind_of(type) != Kind::numeric || open == std::string::npos)
        return std::nullopt;
    size_t comma = type.find(',', open);
    int scale = comma == std::string::npos ? 0 : std::stoi(type.substr(comma + 1));
    return scale < 0 ? 0 : scale;
}

namespace {

Column typed(const char *type)
{
    Column column;
    column.type = type;
    return column;
}

int keep_numeric_sum(GroupBuilder &group, const std::string &argument, const std::string &type)
{
    const std::string finite = argument + " > '-Infinity'::pg_catalog.numeric AND " + argument +
                               " < 'Infinity'::pg_catalog.numeric";
    std::string key = "sum numeric " + argument;
    if (group.known(key) >= 0)
        return group.known(key);
    int sum = group.sum_of(key, argument, typed("pg_catalog.numeric"),
                           "pg_catalog.sum(i.pgt_weight * " + argument + ") FILTER (WHERE " + finite + ")",
                           "pg_catalog.sum(" + argument + ")");
    Column column = typed("pg_catalog.int8");
    column.name = "pgt_special_" + std::to_string(sum + 1);
    int special = group.delta_state(column, "pg_catalog.count(*) FILTER (WHERE NOT (" + finite + "))");
    group.recompute_if("d.#" + std::to_string(special) + " > 0");
    if (!declared_scale(type))
        group.extremum_of("pg_catalog.scale(" + argument + ")", typed("pg_catalog.int4"), true, true);
    return sum;
}

int keep_float_sum(GroupBuilder &group, const std::string &argument, const char *type)
{
    std::string key = std::string("sum ") + type + " " + argument;
    if (group.known(key) >= 0)
        return group.known(key);
    std::string cast = std::string("::") + type;
    int sum = group.sum_of(key, argument, typed(type),
                           "pg_catalog.sum((i.pgt_weight * " + argument + ")" + cast +
                               ") FILTER (WHERE i.pgt_weight > 0)",
                           "pg_catalog.sum(" + argument + cast + ")");
    Column column = typed("pg_catalog.int8");
    column.name = "pgt_retracted_" + std::to_string(sum + 1);
    int retracted = group.delta_state(column, "pg_catalog.count(" + argument + ") FILTER (WHERE i.pgt_weight < 0)");
    group.recompute_if("d.#" + std::to_string(retracted) + " > 0");
    group.expect_recomputation();
    return sum;
}

int keep_exact_sum(GroupBuilder &group, const std::string &argument, const char *type, const std::string &weighted)
{
    return group.sum_of(std::string("sum ") + type + " " + argument, argument, typed(type),
                        "pg_catalog.sum(" + weighted + ")::" + type, "pg_catalog.sum(" + argument + ")");
}

} // namespace

int keep_sum(GroupBuilder &group, const AggregateCall &call, bool as_float8)
{
    std::string argument = group.argument(call);
    const std::string &type = call.argument->result.type;
    std::string weighted = "i.pgt_weight * " + argument;
    switch (kind_of(type)) {
    case Kind::int2:
    case Kind::int4:
        return keep_exact_sum(group, argument, "pg_catalog.int8", weighted);
    case Kind::int8:
        return keep_exact_sum(group, argument, "pg_catalog.numeric", weighted + "::pg_catalog.numeric");
    case Kind::money:
        return keep_exact_sum(group, argument, "pg_catalog.money", weighted);
    case Kind::interval:
        return keep_exact_sum(group, argument, "pg_catalog.interval",
                              "CASE i.pgt_weight WHEN 1 THEN " + argument + " WHEN -1 THEN - " + argument +
                                  " ELSE i.pgt_weight::pg_catalog.float8 * " + argument + " END");
    case Kind::float4:
        return keep_float_sum(group, argument, as_float8 ? "pg_catalog.float8" : "pg_catalog.float4");
    case Kind::float8:
        return keep_float_sum(group, argument, "pg_catalog.float8");
    default:
        return keep_numeric_sum(group, argument, type);
    }
}

std::optional<Objection> objection_to_sum(const AggregateCall &call, const char *name)
{
    if (call.argument && kind_of(call.argument->result.type) != Kind::other)
        return std::nullopt;
    return Objection{std::string(name) + "() of this type",
                     "no way is known to take a value back out of its state",
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

std::optional<Objection> objection(const AggregateCall &call) { return objection_to_sum(call, "sum"); }

} // namespace

const Family sum_family{"sum", meaning, keep, objection};

} // namespace pgtrickle::engine
