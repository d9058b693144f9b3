#include "pg/limit.hpp"

#include "pg/walker.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/fmgroids.h"
}

#include <optional>

namespace pgtrickle {

namespace {

/* Returns `count` as a constant, without its conversion to int8, or null if it is none. */
const Const *constant_of(const ::Node *count)
{
    if (count != nullptr && IsA(count, FuncExpr)) {
        const auto *conversion = reinterpret_cast<const FuncExpr *>(count);
        if (conversion->funcid == F_INT8_INT4 || conversion->funcid == F_INT8_INT2)
            count = static_cast<const ::Node *>(linitial(conversion->args));
    }
    return count != nullptr && IsA(count, Const) ? reinterpret_cast<const Const *>(count) : nullptr;
}

/* Returns the value of an integer constant, or nothing for a constant of another type. */
std::optional<int64> value_of(const Const *constant)
{
    if (constant == nullptr || constant->constisnull)
        return std::nullopt;
    switch (constant->consttype) {
    case INT2OID: return DatumGetInt16(constant->constvalue);
    case INT4OID: return DatumGetInt32(constant->constvalue);
    case INT8OID: return DatumGetInt64(constant->constvalue);
    default: return std::nullopt;
    }
}

bool has_one_row_at_most(const Query *query)
{
    const bool is_all_one_group = query->hasAggs || query->havingQual != nullptr;
    return is_all_one_group && query->groupClause == NIL && query->groupingSets == NIL && !query->hasTargetSRFs;
}

bool drop_from(::Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (!IsA(node, Query))
        return walk_expression(node, drop_from, context);
    auto *query = reinterpret_cast<Query *>(node);
    if (is_no_offset(query->limitOffset))
        query->limitOffset = nullptr;
    if (is_idle_limit(query)) {
        query->limitCount = nullptr;
        query->limitOption = LIMIT_OPTION_COUNT;
    }
    return walk_query(query, drop_from, context, 0);
}

} // namespace

bool is_no_limit(const ::Node *count)
{
    const Const *constant = constant_of(count);
    return count == nullptr || (constant != nullptr && constant->constisnull);
}

bool is_no_offset(const ::Node *count)
{
    return is_no_limit(count) || value_of(constant_of(count)) == 0;
}

bool is_idle_limit(const Query *query)
{
    return is_no_limit(query->limitCount) ||
           (has_one_row_at_most(query) && value_of(constant_of(query->limitCount)) > 0);
}

bool leaves_a_row(const Query *query)
{
    return is_no_offset(query->limitOffset) &&
           (is_no_limit(query->limitCount) || value_of(constant_of(query->limitCount)) > 0);
}

void drop_idle_limits(Query *query)
{
    (void)drop_from(reinterpret_cast<::Node *>(query), nullptr);
}

} // namespace pgtrickle
