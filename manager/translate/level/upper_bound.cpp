#include "translate/level/upper_bound.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle::translate {

namespace {

/* How the left side of an operator is bounded by a constant on its right side. */
enum class Relation { at_most, below, none };

Relation relation_of(Oid function)
{
    switch (function) {
    case F_INT8EQ:
    case F_INT84EQ:
    case F_INT82EQ:
    case F_INT8LE:
    case F_INT84LE:
    case F_INT82LE: return Relation::at_most;
    case F_INT8LT:
    case F_INT84LT:
    case F_INT82LT: return Relation::below;
    default: return Relation::none;
    }
}

std::optional<int64> value_of(const Const *constant)
{
    if (constant->constisnull)
        return {};
    switch (constant->consttype) {
    case INT2OID: return DatumGetInt16(constant->constvalue);
    case INT4OID: return DatumGetInt32(constant->constvalue);
    case INT8OID: return DatumGetInt64(constant->constvalue);
    default: return {};
    }
}

} // namespace

std::optional<engine::UpperBound> upper_bound_of(Node *conjunct, const Scope &scope)
{
    if (!IsA(conjunct, OpExpr) || list_length(castNode(OpExpr, conjunct)->args) != 2)
        return {};
    const auto *operation = castNode(OpExpr, conjunct);
    auto *left = static_cast<Node *>(linitial(operation->args)), *right = static_cast<Node *>(lsecond(operation->args));
    Oid name = operation->opno;
    if (IsA(left, Const)) {
        std::swap(left, right);
        name = call([=] { return get_commutator(name); });
    }
    const int column = position_in(scope, left);
    if (!OidIsValid(name) || column < 0 || !IsA(right, Const) || value_type(left).type != INT8OID)
        return {};
    const Relation relation = relation_of(call([=] { return get_opcode(name); }));
    const std::optional<int64> value = value_of(castNode(Const, right));
    if (relation == Relation::none || !value || *value == PG_INT64_MIN)
        return {};
    return engine::UpperBound{column, relation == Relation::below ? *value - 1 : *value};
}

} // namespace pgtrickle::translate
