#include "translate/level/ordering.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_operator.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
}

#include <optional>

namespace pgtrickle::translate {

namespace {

/* Number of rows that a reserve keeps beyond the limit, and the largest limit for which a reserve is used. */
constexpr int64 reserve_rows = 100;
constexpr int64 most_kept_rows = 10000;

constexpr const char *int8_type = "pg_catalog.int8";

/* Returns the USING clause that names the operator. PostgreSQL frame. */
const char *operator_text(Oid op)
{
    HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(op));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for operator %u", op);
    auto *form = reinterpret_cast<Form_pg_operator>(GETSTRUCT(tuple));
    const char *text = psprintf(" USING OPERATOR(%s.%s)", quote_identifier(get_namespace_name(form->oprnamespace)),
                                NameStr(form->oprname));
    ReleaseSysCache(tuple);
    return text;
}

/* LIMIT or OFFSET; known if it is a constant. */
struct Bound {
    bool is_known;
    std::optional<int64> value; /* empty for NULL */
};

Bound bound_of(Node *node, const char *clause)
{
    if (node == nullptr)
        return {true, {}};
    const auto *value =
        reinterpret_cast<Const *>(call([&] { return fold_constants(static_cast<Node *>(copyObjectImpl(node))); }));
    if (!IsA(value, Const))
        return {false, {}};
    if (value->constisnull)
        return {true, {}};
    const int64 count = DatumGetInt64(value->constvalue);
    if (count < 0)
        refuse("negative " + std::string(clause), "PostgreSQL raises an error for it.",
               "Write a number that is not negative.", call([&] { return exprLocation(node); }));
    return {true, count};
}

engine::NamedExpression call_over(const std::string &function, const std::vector<int> &partition,
                                  const std::vector<SortKey> &order, const std::string &name)
{
    engine::Expression expression;
    auto text = [&](const std::string &piece) { expression.pieces.emplace_back(piece); };
    auto slot = [&](int position) { expression.pieces.emplace_back(std::in_place_type<int>, position); };
    text(function + " OVER (");
    for (size_t i = 0; i < partition.size(); i++) {
        text(i == 0 ? "PARTITION BY " : ", ");
        slot(partition[i]);
    }
    for (size_t i = 0; i < order.size(); i++) {
        text(i > 0 ? ", " : partition.empty() ? "ORDER BY " : " ORDER BY ");
        slot(order[i].position);
        text(order[i].direction);
    }
    text(")");
    expression.result = column_of({INT8OID, -1, InvalidOid});
    return {expression, name};
}

engine::Expression comparison(int position, const std::string &rest)
{
    engine::Expression expression;
    expression.pieces.emplace_back(std::in_place_type<int>, position);
    expression.pieces.emplace_back(rest);
    expression.result = column_of({BOOLOID, -1, InvalidOid});
    expression.may_fail = false;
    return expression;
}

std::string int8_text(int64 value)
{
    return std::to_string(value) + "::" + int8_type;
}

engine::PlanPtr leading(engine::PlanPtr plan, int width)
{
    std::vector<engine::NamedExpression> expressions;
    const auto &columns = engine::columns(plan);
    for (int i = 0; i < width; i++)
        expressions.push_back({engine::column_reference(i, columns[i]), columns[i].name});
    return engine::project(std::move(plan), std::move(expressions));
}

} // namespace

std::string direction_of(const SortGroupClause *clause, Oid type)
{
    return call([&] {
        const TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_LT_OPR | TYPECACHE_GT_OPR);
        const char *nulls = clause->nulls_first ? " NULLS FIRST" : " NULLS LAST";
        if (clause->sortop == entry->lt_opr)
            return static_cast<const char *>(psprintf(" ASC%s", nulls));
        if (clause->sortop == entry->gt_opr)
            return static_cast<const char *>(psprintf(" DESC%s", nulls));
        return static_cast<const char *>(psprintf("%s%s", operator_text(clause->sortop), nulls));
    });
}

bool has_equality_of_type(const SortGroupClause *clause, Oid type)
{
    return call([&] { return lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr == clause->eqop; });
}

bool has_equality_of_type(const SortGroupClause *clause, const Node *sorted)
{
    return has_equality_of_type(clause, call([&] { return exprType(sorted); }));
}

bool has_limit(const Query *query)
{
    const Bound limit = bound_of(query->limitCount, "LIMIT");
    const Bound offset = bound_of(query->limitOffset, "OFFSET");
    return !limit.is_known || limit.value || !offset.is_known || offset.value.value_or(0) > 0;
}

namespace {

/* Returns the rules of row_number() and, if `has_ties`, of rank(). */
std::optional<engine::Following> counting(const std::vector<SortKey> &order, bool has_ties)
{
    if (order.empty())
        return {};
    engine::Following following;
    for (const SortKey &key : order)
        following.order.push_back({key.position, key.direction, key.direction.rfind(" DESC", 0) == 0});
    following.calls.push_back({engine::Following::Kind::count});
    if (has_ties)
        following.calls.push_back({engine::Following::Kind::rank});
    return following;
}

/* Numbers the rows of `plan`; if ties are kept, adds their rank. */
engine::PlanPtr numbered(engine::PlanPtr plan, bool has_ties, const std::vector<SortKey> &order,
                         const std::vector<int> &partition)
{
    std::vector<engine::NamedExpression> calls = {call_over("pg_catalog.row_number()", partition, order, "pgt_row")};
    if (has_ties)
        calls.push_back(call_over("pg_catalog.rank()", partition, order, "pgt_rank"));
    return engine::window(std::move(plan), partition, std::move(calls), counting(order, has_ties));
}

engine::Expression framed(std::vector<std::variant<std::string, int>> pieces,
                          const std::vector<engine::Expression> &parts, Oid type)
{
    engine::Expression frame;
    frame.pieces = std::move(pieces);
    frame.result = column_of({type, -1, InvalidOid});
    return frame.compose(parts);
}

/* Returns `value`, or, if it is negative, an expression that raises PostgreSQL's error for it. */
engine::Expression checked(const engine::Expression &value, const std::string &clause)
{
    return framed({std::string("CASE WHEN "), 0, std::string(" < 0 THEN (SELECT 0::pg_catalog.int8 " + clause + " "), 0,
                   std::string(") ELSE "), 0, std::string(" END")},
                  {value}, INT8OID);
}

/* Returns the rows within a limit that is computed from other rows or from outer ones. `from` numbers the
 * rows. */
engine::PlanPtr within_computed(Translator &translator, const Level &level, engine::PlanPtr from, int width,
                                const std::vector<int> &partition)
{
    const Query *query = level.query;
    const bool has_ties = query->limitOption == LIMIT_OPTION_WITH_TIES;
    const auto columns = engine::columns(from);
    Input input = {std::move(from), Scope(columns.size(), nullptr)};
    for (size_t i = 0; i < partition.size(); i++)
        input.scope.at(partition[i]) = level.domain->scope.at(i);
    std::vector<Node *> bounds = {query->limitOffset, query->limitCount};
    translator.evaluate_sublinks(level, input, bounds);
    const engine::Expression row = engine::column_reference(width, columns[width]);
    engine::Expression rest = row;
    if (bounds[0] != nullptr) {
        const engine::Expression offset = checked(expression_of(bounds[0], input.scope), "OFFSET");
        rest = framed({0, std::string(" - COALESCE("), 1, std::string(", 0)")}, {row, offset}, INT8OID);
        input.plan = engine::fence(input.plan, framed({0, std::string(" > 0")}, {rest}, BOOLOID));
    }
    if (bounds[1] != nullptr) {
        const engine::Expression count = expression_of(bounds[1], input.scope);
        engine::Expression last = rest;
        if (has_ties) {
            const engine::Expression rank = engine::column_reference(width + 1, columns[width + 1]);
            last = framed({0, std::string(" - CASE WHEN "), 1, std::string(" > 0 THEN "), 2, std::string(" - "), 3,
                           std::string(" ELSE 0 END")},
                          {rest, count, row, rank}, INT8OID);
        }
        input.plan = engine::fence(input.plan, framed({std::string("("), 0, std::string(" IS NULL OR "), 1,
                                                       std::string(" <= "), 2, std::string(")")},
                                                      {count, last, checked(count, "LIMIT")}, BOOLOID));
    }
    return leading(input.plan, width);
}

} // namespace

engine::PlanPtr limited(Translator &translator, const Level &level, engine::PlanPtr plan,
                        const std::vector<SortKey> &order, const std::vector<int> &partition)
{
    const Query *query = level.query;
    const int width = static_cast<int>(engine::columns(plan).size());
    const Bound limit = bound_of(query->limitCount, "LIMIT");
    const Bound skipped = bound_of(query->limitOffset, "OFFSET");
    const bool has_ties = query->limitOption == LIMIT_OPTION_WITH_TIES;
    if (!limit.is_known || !skipped.is_known)
        return within_computed(translator, level, numbered(std::move(plan), has_ties, order, partition), width,
                               partition);
    const auto count = limit.value;
    if (count == 0) /* PostgreSQL computes no row */
        return engine::values(engine::columns(plan), {});
    const int64 offset = skipped.value.value_or(0);
    int64 last = 0;
    /* On overflow the limit excludes no row. */
    const bool has_last = count && !__builtin_add_overflow(offset, *count, &last);
    if (partition.empty() && has_last && last > 0 && last <= most_kept_rows)
        plan = engine::reserve(std::move(plan), {order, last, last + reserve_rows, has_ties});
    plan = numbered(std::move(plan), has_ties, order, partition);
    if (offset > 0)
        plan = engine::fence(std::move(plan), comparison(width, " > " + int8_text(offset)));
    if (has_last) {
        const int column = has_ties ? width + 1 : width;
        plan = engine::fence(std::move(plan), comparison(column, " <= " + int8_text(last)),
                             engine::UpperBound{column, last});
    }
    return leading(std::move(plan), width);
}

engine::PlanPtr first_of_each(engine::PlanPtr plan, const std::vector<int> &keys, const std::vector<SortKey> &order)
{
    const int width = static_cast<int>(engine::columns(plan).size());
    plan = numbered(std::move(plan), false, order, keys);
    plan = engine::fence(std::move(plan), comparison(width, " = 1"), engine::UpperBound{width, 1});
    return leading(std::move(plan), width);
}

} // namespace pgtrickle::translate
