#include "refresh/code/known_query.hpp"

#include "pg/walker.hpp"

extern "C" {
#include "access/transam.h"
#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle::refresh {

namespace {

bool is_known_order(KnownQuery *query, const SortGroupClause *clause)
{
    return (!OidIsValid(clause->eqop) || query->code.includes_operator(clause->eqop)) &&
           (!OidIsValid(clause->sortop) || query->code.includes_operator(clause->sortop));
}

bool has_unknown(::Node *node, void *context);

/* The columns of a join that none uses are not computed. Those that USING has merged are expressions, which stand
 * nowhere else. */
bool are_known_columns(KnownQuery *query, const RangeTblEntry *join)
{
    ListCell *cell;
    foreach (cell, join->joinaliasvars) {
        auto *column = static_cast<::Node *>(lfirst(cell));
        if (column != nullptr && !IsA(column, Var) && has_unknown(column, query))
            return false;
    }
    return true;
}

bool is_known_entry(KnownQuery *query, const RangeTblEntry *entry)
{
    switch (entry->rtekind) {
    case RTE_JOIN: return are_known_columns(query, entry);
    case RTE_RELATION: query->relations = list_append_unique_oid(query->relations, entry->relid); return true;
    case RTE_TABLEFUNC: /* converts texts to types that it names */
    case RTE_NAMEDTUPLESTORE: return false;
    default: return true;
    }
}

bool are_known_types(KnownQuery *query, const List *types)
{
    ListCell *cell;
    foreach (cell, types)
        if (!query->code.includes_type(lfirst_oid(cell)))
            return false;
    return true;
}

bool is_known_set_operation(KnownQuery *query, const SetOperationStmt *operation)
{
    ListCell *cell;
    foreach (cell, operation->groupClauses)
        if (!is_known_order(query, lfirst_node(SortGroupClause, cell)))
            return false;
    return are_known_types(query, operation->colTypes);
}

bool is_known_window(KnownQuery *query, const WindowClause *window)
{
    return (!OidIsValid(window->startInRangeFunc) || query->code.includes_function(window->startInRangeFunc)) &&
           (!OidIsValid(window->endInRangeFunc) || query->code.includes_function(window->endInRangeFunc));
}

bool is_known_comparison(KnownQuery *query, const RowCompareExpr *comparison)
{
    ListCell *cell;
    foreach (cell, comparison->opnos)
        if (!query->code.includes_operator(lfirst_oid(cell)))
            return false;
    foreach (cell, comparison->opfamilies)
        if (!query->code.includes_family(lfirst_oid(cell)))
            return false;
    return true;
}

/* The planner adds arguments by their defaults, which are expressions of the function. */
bool is_known_function_call(KnownCode *code, const FuncExpr *call)
{
    return code->includes_function(call->funcid) &&
           (call->funcid < FirstNormalObjectId || list_length(call->args) >= get_func_nargs(call->funcid));
}

/* Whether the operator or function that the expression itself calls is known. */
bool is_known_call(KnownQuery *query, ::Node *node)
{
    KnownCode *code = &query->code;
    switch (nodeTag(node)) {
    case T_Aggref: return code->includes_function(reinterpret_cast<Aggref *>(node)->aggfnoid);
    case T_WindowFunc: return code->includes_function(reinterpret_cast<WindowFunc *>(node)->winfnoid);
    case T_FuncExpr: return is_known_function_call(code, reinterpret_cast<FuncExpr *>(node));
    case T_OpExpr:
    case T_DistinctExpr:
    case T_NullIfExpr: return code->includes_operator(reinterpret_cast<OpExpr *>(node)->opno);
    case T_ScalarArrayOpExpr: return code->includes_operator(reinterpret_cast<ScalarArrayOpExpr *>(node)->opno);
    case T_RowCompareExpr: return is_known_comparison(query, reinterpret_cast<RowCompareExpr *>(node));
    case T_XmlExpr: code->looks_for_casts = true; return true;
    case T_Var: /* a row as a whole does not show the types of its columns */
        code->has_type_of_user = code->has_type_of_user || reinterpret_cast<Var *>(node)->varattno == InvalidAttrNumber;
        return true;
    case T_SubscriptingRef: return code->includes_type(reinterpret_cast<SubscriptingRef *>(node)->refcontainertype);
    default: return true;
    }
}

/* Whether it is an expression of a kind whose functions, operators and types is_known_call() and exprType() show. */
bool is_expression(::Node *node)
{
    switch (nodeTag(node)) {
    case T_Var:
    case T_Const:
    case T_Param:
    case T_Aggref:
    case T_GroupingFunc:
    case T_WindowFunc:
    case T_SubscriptingRef:
    case T_FuncExpr:
    case T_NamedArgExpr:
    case T_OpExpr:
    case T_DistinctExpr:
    case T_NullIfExpr:
    case T_ScalarArrayOpExpr:
    case T_BoolExpr:
    case T_SubLink:
    case T_FieldSelect:
    case T_RelabelType:
    case T_CoerceViaIO:
    case T_ArrayCoerceExpr:
    case T_CollateExpr:
    case T_CaseExpr:
    case T_CaseTestExpr:
    case T_ArrayExpr:
    case T_RowExpr:
    case T_RowCompareExpr:
    case T_CoalesceExpr:
    case T_MinMaxExpr:
    case T_SQLValueFunction:
    case T_XmlExpr:
    case T_NullTest:
    case T_BooleanTest: return true;
    default: return false;
    }
}

bool has_unknown(::Node *node, void *context)
{
    if (node == nullptr)
        return false;
    auto *query = static_cast<KnownQuery *>(context);
    switch (nodeTag(node)) {
    case T_Query:
        return walk_query(reinterpret_cast<Query *>(node), has_unknown, context,
                          QTW_EXAMINE_RTES_BEFORE | QTW_EXAMINE_SORTGROUP | QTW_IGNORE_JOINALIASES);
    case T_RangeTblEntry: return !is_known_entry(query, reinterpret_cast<RangeTblEntry *>(node));
    case T_SortGroupClause: return !is_known_order(query, reinterpret_cast<SortGroupClause *>(node));
    case T_SetOperationStmt:
        if (!is_known_set_operation(query, reinterpret_cast<SetOperationStmt *>(node)))
            return true;
        break;
    case T_WindowClause:
        if (!is_known_window(query, reinterpret_cast<WindowClause *>(node)))
            return true;
        break;
    case T_CTECycleClause:
        if (!query->code.includes_operator(reinterpret_cast<CTECycleClause *>(node)->cycle_mark_neop))
            return true;
        break;
    case T_RangeTblFunction: /* the columns that it names are computed, whether they are used or not */
        if (!are_known_types(query, reinterpret_cast<RangeTblFunction *>(node)->funccoltypes))
            return true;
        break;
    case T_List:
    case T_TargetEntry:
    case T_RangeTblRef:
    case T_FromExpr:
    case T_JoinExpr:
    case T_CommonTableExpr:
    case T_CTESearchClause:
    case T_GroupingSet:
    case T_CaseWhen: break;
    case T_IntList:
    case T_OidList: return false;
    default:
        if (!is_expression(node) || !query->code.includes_type(exprType(node)) || !is_known_call(query, node))
            return true;
    }
    return walk_expression(node, has_unknown, context);
}

} // namespace

bool KnownQuery::includes(::Node *node)
{
    return !has_unknown(node, this);
}

bool runs_only_postgresql(::Node *expression)
{
    KnownQuery query;
    return query.includes(expression) && !query.code.has_code_of_superuser && !query.code.is_unknown_as_a_whole();
}

} // namespace pgtrickle::refresh
