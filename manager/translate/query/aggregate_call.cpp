/*
 * How an aggregate is maintained: count, sum, avg, min and max by states that follow the delta, where the
 * engine has a state for the type; functions of counts and sums (bool_and, variance) by these; any other call
 * as a whole, whose changed groups are recomputed.
 *
 * DISTINCT changes no minimum, and the order of the rows no exact sum: in these cases they are omitted.
 */
#include "translate/level/ordering.hpp"

#include "engine/operators/aggregates/family.hpp"

extern "C" {
#include "catalog/pg_aggregate.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle::translate {

bool is_builtin(const Aggref *aggregate)
{
    return call([=] { return get_func_namespace(aggregate->aggfnoid); }) == PG_CATALOG_NAMESPACE;
}

bool has_plain_distinct(const Aggref *aggregate)
{
    ListCell *cell;
    foreach (cell, aggregate->aggdistinct) {
        auto *clause = lfirst_node(SortGroupClause, cell);
        if (!has_equality_of_type(clause, call([&] { return get_sortgroupclause_expr(clause, aggregate->args); })))
            return false;
    }
    return true;
}

namespace {

bool is_inexact(const engine::AggregateCall &call)
{
    if (!call.argument)
        return false;
    const engine::TypeKind kind = call.argument->result.kind;
    return kind == engine::TypeKind::float4 || kind == engine::TypeKind::float8;
}

bool is_kept_by_states(const Aggref *aggregate, const engine::AggregateCall &call)
{
    if (call.family->objection(call) || !has_plain_distinct(aggregate))
        return false;
    if (call.family->is_idempotent)
        return true;
    return aggregate->aggdistinct == NIL && (aggregate->aggorder == NIL || !is_inexact(call));
}

engine::Expression composed(std::vector<std::variant<std::string, int>> pieces, const ValueType &type,
                            const std::vector<engine::Expression> &inner)
{
    engine::Expression frame;
    frame.pieces = std::move(pieces);
    engine::Expression made = frame.compose(inner);
    made.result = column_of(type);
    return made;
}

/* The calls that make up an aggregate share its FILTER. */
class Parts {
  public:
    Parts(const Aggref *aggregate, const Scope &scope)
    {
        ListCell *cell;
        foreach (cell, aggregate->args)
            arguments_.push_back(expression_of(reinterpret_cast<Node *>(lfirst_node(TargetEntry, cell)->expr), scope));
        if (aggregate->aggfilter != nullptr)
            filter_ = expression_of(reinterpret_cast<Node *>(aggregate->aggfilter), scope);
    }
    const std::vector<engine::Expression> &arguments() const { return arguments_; }
    engine::AggregateCall make(const engine::Family &family, engine::Expression argument, const ValueType &type,
                               const char *name) const
    {
        return {&family, std::move(argument), filter_, column_of(type, name)};
    }

  private:
    std::vector<engine::Expression> arguments_;
    std::optional<engine::Expression> filter_;
};

constexpr ValueType bigint = {INT8OID, -1, InvalidOid};
constexpr ValueType boolean = {BOOLOID, -1, InvalidOid};
constexpr int32 numeric_modifier(int precision, int scale)
{
    return ((precision << 16) | scale) + VARHDRSZ;
}
constexpr ValueType numeric = {NUMERICOID, -1, InvalidOid};

engine::Expression answer_of(std::vector<std::variant<std::string, int>> pieces, const ValueType &type)
{
    engine::Expression answer;
    answer.pieces = std::move(pieces);
    answer.result = column_of(type);
    return answer;
}

/* bool_and is true where no value is false, bool_or where some value is true. */
KeptCall boolean_call(const Parts &parts, bool is_and)
{
    std::vector<std::variant<std::string, int>> decisive = {std::string("CASE WHEN "), 0,
                                                            std::string(" THEN true END")};
    if (is_and)
        decisive = {std::string("CASE WHEN "), 0, std::string(" THEN NULL ELSE "), 0, std::string(" END")};
    KeptCall made;
    made.calls = {parts.make(engine::count_family, parts.arguments()[0], bigint, "values"),
                  parts.make(engine::count_family, composed(decisive, boolean, parts.arguments()), bigint, "decisive")};
    made.answer = answer_of(
        {std::string("CASE WHEN "), 0, std::string(" > 0 THEN "), 1, std::string(is_and ? " = 0 END" : " > 0 END")},
        boolean);
    return made;
}

KeptCall pairs_call(const Parts &parts)
{
    const auto pair =
        composed({std::string("CASE WHEN "), 0, std::string(" IS NOT NULL THEN "), 1, std::string(" END")},
                 {FLOAT8OID, -1, InvalidOid}, parts.arguments());
    return {{parts.make(engine::count_family, pair, bigint, "regr_count")}, {}};
}

/*
 * (n Σx² - (Σx)²) / (n (n - 1)), or / n² for the population: the same operations on the same numbers as in
 * PostgreSQL's own function, so scale and rounding are the same. It returns a plain 0 for a numerator that is
 * not positive.
 */
KeptCall variance_call(const Parts &parts, bool is_sample)
{
    const engine::Expression &x = parts.arguments()[0];
    const bool is_integer = x.result.kind != engine::TypeKind::numeric;
    const ValueType sum_type = x.result.kind == engine::TypeKind::int8 || !is_integer ? numeric : bigint;
    const std::string cast = "::pg_catalog.numeric";
    auto square = composed({std::string("("), 0, cast + " * ", 0, cast + ")" + (is_integer ? cast + "(1000,0)" : "")},
                           numeric, {x});
    if (is_integer)
        square.result = column_of({NUMERICOID, numeric_modifier(1000, 0), InvalidOid}); /* no largest scale, which would
                                                                                         * have to be kept */
    KeptCall made;
    made.calls = {parts.make(engine::count_family, x, bigint, "values"),
                  parts.make(engine::sum_family, x, sum_type, "total"),
                  parts.make(engine::sum_family, square, numeric, "squares")};
    using Pieces = std::vector<std::variant<std::string, int>>;
    const Pieces numerator = {0, cast + " * ", 2, " - ", 1, cast + " * ", 1, cast};
    Pieces pieces = {std::string("CASE WHEN "), 0,
                     std::string(is_sample ? " > 1 THEN CASE WHEN " : " > 0 THEN CASE WHEN ")};
    pieces.insert(pieces.end(), numerator.begin(), numerator.end());
    pieces.emplace_back(std::string(" <= 0 THEN 0") + cast + " ELSE (");
    pieces.insert(pieces.end(), numerator.begin(), numerator.end());
    pieces.emplace_back(std::string(") / ("));
    pieces.emplace_back(0);
    pieces.emplace_back(cast + " * (");
    pieces.emplace_back(0);
    pieces.emplace_back(cast + (is_sample ? " - 1" : "") + ")) END END");
    made.answer = answer_of(std::move(pieces), numeric);
    return made;
}

bool is_exact_number(const engine::Expression &argument)
{
    switch (argument.result.kind) {
    case engine::TypeKind::int2:
    case engine::TypeKind::int4:
    case engine::TypeKind::int8:
    case engine::TypeKind::numeric: return true;
    default: return false;
    }
}

/* Returns an aggregate of the catalog that is a function of counts and sums. */
std::optional<KeptCall> composite_call(const Aggref *aggregate, const std::string &name, const Scope &scope)
{
    const bool is_and = name == "bool_and" || name == "every";
    if (!is_builtin(aggregate) || !has_plain_distinct(aggregate))
        return std::nullopt;
    if (is_and || name == "bool_or")
        return boolean_call(Parts(aggregate, scope), is_and);
    if (aggregate->aggdistinct != NIL)
        return std::nullopt;
    if (name == "regr_count")
        return pairs_call(Parts(aggregate, scope));
    if (name == "variance" || name == "var_samp" || name == "var_pop") {
        const Parts parts(aggregate, scope);
        if (is_exact_number(parts.arguments()[0]))
            return variance_call(parts, name != "var_pop");
    }
    return std::nullopt;
}

engine::AggregateCall single_call(const Aggref *aggregate, const std::string &name, const Scope &scope)
{
    auto *node = reinterpret_cast<Node *>(const_cast<Aggref *>(aggregate));
    const engine::Column result = column_of(value_type(node), name);
    if (const auto *family = is_builtin(aggregate) ? engine::family_called(name) : nullptr) {
        engine::AggregateCall made = {family, {}, {}, result};
        if (aggregate->args != NIL)
            made.argument =
                expression_of(reinterpret_cast<Node *>(linitial_node(TargetEntry, aggregate->args)->expr), scope);
        if (aggregate->aggfilter != nullptr)
            made.filter = expression_of(reinterpret_cast<Node *>(aggregate->aggfilter), scope);
        if (is_kept_by_states(aggregate, made))
            return made;
    }
    engine::AggregateCall made = {&engine::holistic_family, {}, {}, result};
    made.whole = call_of(node, scope);
    return made;
}

} // namespace

KeptCall aggregate_call(const Aggref *aggregate, const Scope &scope)
{
    const std::string name = call([&] { return get_func_name(aggregate->aggfnoid); });
    if (auto composite = composite_call(aggregate, name, scope))
        return *composite;
    return {{single_call(aggregate, name, scope)}, {}};
}

} // namespace pgtrickle::translate
