/*
 * By what an aggregate is kept: count, sum, avg, min and max by states that follow the delta,
 * where the engine has one for the type; any other call as a whole, whose touched groups are
 * recomputed.
 *
 * DISTINCT changes no minimum, and the order of the rows no exact sum: there they are left out.
 */
#include "translate/query.hpp"

#include "engine/operators/aggregates/family.hpp"

extern "C" {
#include "catalog/pg_aggregate.h"
#include "catalog/pg_namespace.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle::translate {

namespace {

using Family = engine::AggregateFamily;

std::optional<Family> builtin_family(const Aggref *aggregate, const std::string &name)
{
    static const std::pair<const char *, Family> families[] = {
        {"count", Family::count}, {"sum", Family::sum}, {"avg", Family::average},
        {"min", Family::min},     {"max", Family::max},
    };
    if (call([&] { return get_func_namespace(aggregate->aggfnoid); }) != PG_CATALOG_NAMESPACE)
        return std::nullopt;
    for (const auto &[family_name, family] : families) {
        if (name == family_name)
            return family;
    }
    return std::nullopt;
}

bool is_inexact(const engine::AggregateCall &call)
{
    if (!call.argument)
        return false;
    const engine::Kind kind = engine::kind_of(call.argument->result.type);
    return kind == engine::Kind::float4 || kind == engine::Kind::float8;
}

bool is_kept_by_states(const Aggref *aggregate, const engine::AggregateCall &call)
{
    if (engine::family_of(call.family).objection(call))
        return false;
    if (call.family == Family::min || call.family == Family::max)
        return true;
    return aggregate->aggdistinct == NIL && (aggregate->aggorder == NIL || !is_inexact(call));
}

} // namespace

engine::AggregateCall aggregate_call(const Aggref *aggregate, const Scope &scope)
{
    auto *node = reinterpret_cast<Node *>(const_cast<Aggref *>(aggregate));
    const std::string name = call([&] { return get_func_name(aggregate->aggfnoid); });
    const engine::Column result = column_of(value_type(node), name);
    const std::optional<Family> family = builtin_family(aggregate, name);

    if (family) {
        engine::AggregateCall made = {*family, {}, {}, result};
        if (aggregate->args != NIL)
            made.argument = expression_of(
                reinterpret_cast<Node *>(linitial_node(TargetEntry, aggregate->args)->expr), scope);
        if (aggregate->aggfilter != nullptr)
            made.filter = expression_of(reinterpret_cast<Node *>(aggregate->aggfilter), scope);
        if (is_kept_by_states(aggregate, made))
            return made;
    }
    engine::AggregateCall made = {Family::holistic, {}, {}, result};
    made.whole = call_of(node, scope);
    return made;
}

} // namespace pgtrickle::translate
