/*
 * A function is considered total if it is PostgreSQL's own and leakproof, which excludes errors that depend
 * on its arguments, or if it is in a list here. A function of a user is not, whatever its declaration: its
 * body can be replaced.
 *
 * The functions of the list are total for these reasons:
 *   lower, upper     a text is valid in the encoding of the database, and the locale must match that encoding; its
 *                    collation does not depend on the values;
 *   lengths, trims,
 *   concatenation    count and copy characters;
 *   integer, uuid → text  every value has a text;
 *   timestamp::date  every timestamp belongs to a day, and a date has a wider range;
 *   jsonb ->> text   is NULL where there is no such field, or no object; an existing field has a text;
 *   x / c, x % c     for integers and a constant c other than 0 and -1: neither division by zero nor overflow;
 *   comparisons      of two numerics, and of a date with a timestamp, have an answer for all values;
 *   day ± interval   for constants of less than a thousand years.
 */
#include "translate/check/can_fail.hpp"

#include "pg/walker.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
#include "utils/date.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
}

#include <algorithm>
#include <iterator>

namespace pgtrickle::translate {

namespace {

constexpr Oid total_functions[] = {
    F_LOWER_TEXT,        F_UPPER_TEXT,        F_LENGTH_TEXT,       F_CHAR_LENGTH_TEXT,  F_CHARACTER_LENGTH_TEXT,
    F_OCTET_LENGTH_TEXT, F_BTRIM_TEXT,        F_BTRIM_TEXT_TEXT,   F_LTRIM_TEXT,        F_LTRIM_TEXT_TEXT,
    F_RTRIM_TEXT,        F_RTRIM_TEXT_TEXT,   F_TEXTCAT,           F_DATE_TIMESTAMP,    F_JSONB_OBJECT_FIELD_TEXT,
    F_NUMERIC_EQ,        F_NUMERIC_NE,        F_NUMERIC_LT,        F_NUMERIC_LE,        F_NUMERIC_GT,
    F_NUMERIC_GE,        F_DATE_EQ_TIMESTAMP, F_DATE_NE_TIMESTAMP, F_DATE_LT_TIMESTAMP, F_DATE_LE_TIMESTAMP,
    F_DATE_GT_TIMESTAMP, F_DATE_GE_TIMESTAMP, F_TIMESTAMP_EQ_DATE, F_TIMESTAMP_NE_DATE, F_TIMESTAMP_LT_DATE,
    F_TIMESTAMP_LE_DATE, F_TIMESTAMP_GT_DATE, F_TIMESTAMP_GE_DATE,
};

constexpr Oid shifts[] = {F_DATE_PL_INTERVAL, F_DATE_MI_INTERVAL};

constexpr Oid divisions[] = {
    F_INT2DIV,  F_INT4DIV,  F_INT8DIV,  F_INT24DIV, F_INT42DIV, F_INT28DIV,
    F_INT82DIV, F_INT48DIV, F_INT84DIV, F_INT2MOD,  F_INT4MOD,  F_INT8MOD,
};

constexpr Oid widenings[] = {F_INT8_INT4, F_INT8_INT2, F_INT4_INT2};

bool is_among(const Oid *first, const Oid *last, Oid function)
{
    return std::find(first, last, function) != last;
}

bool is_partial(Oid function, void *)
{
    return function >= FirstNormalObjectId ||
           !(get_func_leakproof(function) ||
             is_among(std::begin(total_functions), std::end(total_functions), function));
}

/* Returns `node` as a constant of an integer type, below conversions to a wider type; null if it is none. */
const Const *integer_constant(Node *node)
{
    while (IsA(node, FuncExpr) &&
           is_among(std::begin(widenings), std::end(widenings), castNode(FuncExpr, node)->funcid))
        node = static_cast<Node *>(linitial(castNode(FuncExpr, node)->args));
    return IsA(node, Const) ? castNode(Const, node) : nullptr;
}

int64 integer_of(const Const *constant)
{
    switch (constant->consttype) {
    case INT2OID: return DatumGetInt16(constant->constvalue);
    case INT4OID: return DatumGetInt32(constant->constvalue);
    case INT8OID: return DatumGetInt64(constant->constvalue);
    default: return 0;
    }
}

bool is_division_by_constant(Node *node)
{
    if (!IsA(node, OpExpr))
        return false;
    auto *operation = castNode(OpExpr, node);
    set_opfuncid(operation);
    if (!is_among(std::begin(divisions), std::end(divisions), operation->opfuncid))
        return false;
    const Const *divisor = integer_constant(static_cast<Node *>(lsecond(operation->args)));
    return divisor != nullptr && (divisor->constisnull || (integer_of(divisor) != 0 && integer_of(divisor) != -1));
}

/* The first day of a timestamp is in 4713 BC; 2000 is day 0. */
bool is_shift_of_constant(Node *node)
{
    constexpr int32 few_months = 12 * 1000, few_days = 365 * 1000;
    if (!IsA(node, OpExpr))
        return false;
    auto *operation = castNode(OpExpr, node);
    set_opfuncid(operation);
    auto *day = static_cast<Node *>(linitial(operation->args));
    auto *by = static_cast<Node *>(llast(operation->args));
    if (!is_among(std::begin(shifts), std::end(shifts), operation->opfuncid) || !IsA(day, Const) || !IsA(by, Const) ||
        castNode(Const, day)->constisnull || castNode(Const, by)->constisnull)
        return false;
    const DateADT date = DatumGetDateADT(castNode(Const, day)->constvalue);
    const Interval *interval = DatumGetIntervalP(castNode(Const, by)->constvalue);
    return std::abs(static_cast<int64>(date)) < few_days &&
           std::abs(static_cast<int64>(interval->month)) < few_months &&
           std::abs(static_cast<int64>(interval->day)) < few_days &&
           std::abs(interval->time) < USECS_PER_DAY * few_days;
}

bool is_total_text(Node *node)
{
    if (!IsA(node, CoerceViaIO) || castNode(CoerceViaIO, node)->resulttype != TEXTOID)
        return false;
    const Oid given = exprType(reinterpret_cast<Node *>(castNode(CoerceViaIO, node)->arg));
    return given == INT2OID || given == INT4OID || given == INT8OID || given == UUIDOID;
}

/* Nodes that call no function of the catalog are listed if they cannot raise an error themselves. */
bool finds_partial(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    switch (nodeTag(node)) {
    case T_List:
    case T_Var:
    case T_Param:
    case T_Const:
    case T_OpExpr:
    case T_DistinctExpr:
    case T_NullIfExpr:
    case T_FuncExpr:
    case T_ScalarArrayOpExpr:
    case T_BoolExpr:
    case T_RelabelType:
    case T_CollateExpr:
    case T_CaseExpr:
    case T_CaseWhen:
    case T_CaseTestExpr:
    case T_CoalesceExpr:
    case T_NullTest:
    case T_BooleanTest: break;
    case T_CoerceViaIO:
        if (!is_total_text(node))
            return true;
        return walk_expression(node, finds_partial, context);
    case T_ArrayExpr:
        if (castNode(ArrayExpr, node)->multidims) /* raises an error unless its elements have the same length */
            return true;
        break;
    default: return true;
    }
    if (!is_division_by_constant(node) && !is_shift_of_constant(node) &&
        check_functions_in_node(node, is_partial, context))
        return true;
    return walk_expression(node, finds_partial, context);
}

constexpr Oid total_aggregates[] = {
    F_COUNT_,   F_COUNT_ANY, F_MIN_INT2, F_MIN_INT4, F_MIN_INT8, F_MAX_INT2, F_MAX_INT4,
    F_MAX_INT8, F_SUM_INT2,  F_SUM_INT4, F_SUM_INT8, F_AVG_INT2, F_AVG_INT4, F_AVG_INT8,
};

/* As finds_partial(), for what queries consist of besides. */
bool finds_partial_in_query(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    switch (nodeTag(node)) {
    case T_Query: return walk_query(castNode(Query, node), finds_partial_in_query, context, 0);
    case T_List:
    case T_FromExpr:
    case T_JoinExpr:
    case T_RangeTblRef:
    case T_TargetEntry:
    case T_SortGroupClause: return walk_expression(node, finds_partial_in_query, context);
    case T_Aggref: {
        const Oid aggregate = castNode(Aggref, node)->aggfnoid;
        return !is_among(std::begin(total_aggregates), std::end(total_aggregates), aggregate) ||
               walk_expression(node, finds_partial_in_query, context);
    }
    default: return finds_partial(node, context);
    }
}

} // namespace

bool may_fail(Node *node)
{
    return finds_partial(node, nullptr);
}

bool may_fail_in(const SubLink *link)
{
    return finds_partial(link->testexpr, nullptr) || finds_partial_in_query(link->subselect, nullptr);
}

bool may_fail_in(Query *query)
{
    return finds_partial_in_query(reinterpret_cast<Node *>(query), nullptr);
}

} // namespace pgtrickle::translate
