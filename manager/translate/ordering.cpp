#include "translate/ordering.hpp"

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

/* So many rows are kept beyond the limit, and with so many in all a reserve is worth it. */
constexpr int64 reserve_rows = 100;
constexpr int64 most_kept_rows = 10000;

constexpr const char *int8_type = "pg_catalog.int8";

/* PostgreSQL frame. */
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

/* The value of LIMIT or OFFSET, none for NULL. */
std::optional<int64> constant_of(Node *node, const char *clause)
{
    if (node == nullptr)
        return std::nullopt;
    const auto *value = reinterpret_cast<Const *>(call([&] {
        return eval_const_expressions(nullptr, static_cast<Node *>(copyObjectImpl(node)));
    }));
    const int location = call([&] { return exprLocation(node); });
    if (!IsA(value, Const))
        refuse(std::string(clause) + " of an expression that is not constant",
               "How many rows are kept may change although none of their sources does.", use_full, location);
    if (value->constisnull)
        return std::nullopt;
    const int64 count = DatumGetInt64(value->constvalue);
    if (count < 0)
        refuse("negative " + std::string(clause), "PostgreSQL raises an error for it.",
               "Write a number that is not negative.", location);
    return count;
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

bool has_limit(const Query *query)
{
    return constant_of(query->limitCount, "LIMIT") || constant_of(query->limitOffset, "OFFSET").value_or(0) > 0;
}

engine::PlanPtr limited(engine::PlanPtr plan, const Query *query, const std::vector<SortKey> &order,
                        const std::vector<int> &partition)
{
    const int width = static_cast<int>(engine::columns(plan).size());
    const auto count = constant_of(query->limitCount, "LIMIT");
    const int64 offset = constant_of(query->limitOffset, "OFFSET").value_or(0);
    const bool has_ties = query->limitOption == LIMIT_OPTION_WITH_TIES;
    int64 last = 0;
    /* Beyond the largest number there is nothing to leave out. */
    const bool has_last = count && !__builtin_add_overflow(offset, *count, &last);
    if (partition.empty() && has_last && last > 0 && last <= most_kept_rows)
        plan = engine::reserve(std::move(plan), {order, last, last + reserve_rows, has_ties});
    std::vector<engine::NamedExpression> calls = {call_over("pg_catalog.row_number()", partition, order, "pgt_row")};
    if (has_ties)
        calls.push_back(call_over("pg_catalog.rank()", partition, order, "pgt_rank"));
    plan = engine::window(std::move(plan), partition, std::move(calls));
    if (offset > 0)
        plan = engine::filter(std::move(plan), comparison(width, " > " + int8_text(offset)));
    if (has_last) {
        const bool counts_ties = has_ties && *count > 0;
        plan = engine::filter(std::move(plan), comparison(counts_ties ? width + 1 : width, " <= " + int8_text(last)));
    }
    return leading(std::move(plan), width);
}

engine::PlanPtr first_of_each(engine::PlanPtr plan, const std::vector<int> &keys, const std::vector<SortKey> &order)
{
    const int width = static_cast<int>(engine::columns(plan).size());
    plan = engine::window(std::move(plan), keys, {call_over("pg_catalog.row_number()", keys, order, "pgt_row")});
    plan = engine::filter(std::move(plan), comparison(width, " = 1"));
    return leading(std::move(plan), width);
}

} // namespace pgtrickle::translate
