#include "translate/expression/scale.hpp"

#include <algorithm>

extern "C" {
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
}

namespace pgtrickle::translate {

namespace {

constexpr int several = -1;
/* Far below the limit at which PostgreSQL rounds products. */
constexpr int most = 1000;

int scale_of_constant(const Const *constant)
{
    Numeric value = DatumGetNumeric(constant->constvalue);
    if (numeric_is_nan(value) || numeric_is_inf(value))
        return several;
    return DatumGetInt32(DirectFunctionCall1(numeric_scale, NumericGetDatum(value)));
}

bool is_null(Node *node)
{
    return IsA(node, Const) && reinterpret_cast<Const *>(node)->constisnull;
}

/* Returns the scale of values of which each is one of several expressions. */
int scale_of_any(List *nodes)
{
    int found = several;
    ListCell *cell;
    foreach (cell, nodes) {
        auto *node = static_cast<Node *>(lfirst(cell));
        if (is_null(node))
            continue;
        const int scale = common_scale(node);
        if (scale == several || (found != several && scale != found))
            return several;
        found = scale;
    }
    return found;
}

int scale_of_case(const CaseExpr *expression)
{
    List *results = NIL;
    ListCell *cell;
    foreach (cell, expression->args)
        results = lappend(results, lfirst_node(CaseWhen, cell)->result);
    if (expression->defresult != nullptr)
        results = lappend(results, expression->defresult);
    return scale_of_any(results);
}

int scale_of_call(Oid function, List *arguments)
{
    auto argument = [=](int i) { return static_cast<Node *>(list_nth(arguments, i)); };
    switch (function) {
    case F_NUMERIC_INT2:
    case F_NUMERIC_INT4:
    case F_NUMERIC_INT8: return 0;
    case F_NUMERIC_UMINUS:
    case F_NUMERIC_UPLUS:
    case F_NUMERIC_ABS:
    case F_ABS_NUMERIC: return common_scale(argument(0));
    case F_NUMERIC_ADD:
    case F_NUMERIC_SUB:
    case F_NUMERIC_MUL: break;
    default: return several;
    }
    const int left = common_scale(argument(0)), right = common_scale(argument(1));
    if (left == several || right == several)
        return several;
    return function == F_NUMERIC_MUL ? left + right : std::max(left, right);
}

int derived_scale(Node *node)
{
    switch (nodeTag(node)) {
    case T_Const: return is_null(node) ? several : scale_of_constant(reinterpret_cast<Const *>(node));
    case T_FuncExpr: {
        auto *call = reinterpret_cast<FuncExpr *>(node);
        return scale_of_call(call->funcid, call->args);
    }
    case T_OpExpr: {
        auto *call = reinterpret_cast<OpExpr *>(node);
        return scale_of_call(get_opcode(call->opno), call->args);
    }
    case T_CoalesceExpr: return scale_of_any(reinterpret_cast<CoalesceExpr *>(node)->args);
    case T_MinMaxExpr: return scale_of_any(reinterpret_cast<MinMaxExpr *>(node)->args);
    case T_CaseExpr: return scale_of_case(reinterpret_cast<CaseExpr *>(node));
    default: return several;
    }
}

} // namespace

/* Eleven signed bits of the modifier. */
int declared_scale(int32 typmod)
{
    const int scale = (((typmod - VARHDRSZ) & 0x7ff) ^ 0x400) - 0x400;
    return scale < 0 ? 0 : scale;
}

int common_scale(Node *node)
{
    check_stack_depth();
    if (exprType(node) != NUMERICOID)
        return several;
    const int32 typmod = exprTypmod(node);
    const int scale = typmod >= 0 ? declared_scale(typmod) : derived_scale(node);
    return scale > most ? several : scale;
}

} // namespace pgtrickle::translate
