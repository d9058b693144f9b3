#include "translate/check/usable_names.hpp"

#include "definition/query/own_operator.hpp"
#include "pg/versions/rights.hpp"
#include "pg/walker.hpp"
#include "translate/check/refusal.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_agg.h"
#include "parser/parse_func.h"
#include "parser/parse_oper.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

#include <algorithm>

namespace pgtrickle::translate {

namespace {

UnusableName unless_usable(const char *kind, const char *name, Oid schema)
{
    if (may_use_schema(schema, GetUserId()))
        return {};
    return {psprintf("%s %s", kind, name), get_namespace_name(schema), false};
}

UnusableName unusable_function(Oid number)
{
    return unless_usable("function", get_func_name(number), get_func_namespace(number));
}

/* A function or operator that is called by its name, with the types of its arguments. */
struct NamedCall {
    Oid function, op; /* one of them is InvalidOid */
    int count;
    Oid types[FUNC_MAX_ARGS];
    List *names; /* of the last arguments, as String nodes */
    bool is_variadic;
};

void take_arguments(NamedCall *call, const List *arguments)
{
    const ListCell *cell;
    foreach (cell, arguments) {
        auto *argument = static_cast<Node *>(lfirst(cell));
        call->types[call->count++] = exprType(argument);
        if (IsA(argument, NamedArgExpr))
            call->names = lappend(call->names, makeString(castNode(NamedArgExpr, argument)->name));
    }
}

NamedCall call_by_name(Node *node)
{
    NamedCall call = {};
    switch (nodeTag(node)) {
    case T_FuncExpr:
        call.function = castNode(FuncExpr, node)->funcid;
        call.is_variadic = castNode(FuncExpr, node)->funcvariadic;
        take_arguments(&call, castNode(FuncExpr, node)->args);
        break;
    case T_Aggref:
        call.function = castNode(Aggref, node)->aggfnoid;
        call.is_variadic = castNode(Aggref, node)->aggvariadic;
        call.count = get_aggregate_argtypes(castNode(Aggref, node), call.types);
        break;
    case T_WindowFunc:
        call.function = castNode(WindowFunc, node)->winfnoid;
        take_arguments(&call, castNode(WindowFunc, node)->args);
        break;
    case T_OpExpr:
    case T_DistinctExpr:
    case T_NullIfExpr: /* same struct as OpExpr */
        call.op = reinterpret_cast<OpExpr *>(node)->opno;
        take_arguments(&call, reinterpret_cast<OpExpr *>(node)->args);
        break;
    case T_ScalarArrayOpExpr:
        call.op = castNode(ScalarArrayOpExpr, node)->opno;
        take_arguments(&call, castNode(ScalarArrayOpExpr, node)->args);
        call.types[1] = get_base_element_type(call.types[1]);
        break;
    case T_RowCompareExpr: /* is spelled by single comparisons if it is not PostgreSQL's own */
        call.op = linitial_oid(castNode(RowCompareExpr, node)->opnos);
        break;
    default: break;
    }
    return call;
}

bool fits_several_functions(const NamedCall &call, List *name)
{
    Oid types[FUNC_MAX_ARGS];
    std::copy_n(call.types, call.count, types);
    Oid found, result, element, *declared;
    bool is_set;
    int repeated;
    return func_get_detail(name, NIL, call.names, call.count, types, !call.is_variadic, true, false, &found, &result,
                           &is_set, &repeated, &element, &declared, nullptr) == FUNCDETAIL_MULTIPLE;
}

bool fits_several_operators(const NamedCall &call, List *name)
{
    Operator found = call.count == 1 ? left_oper(nullptr, name, call.types[0], true, -1)
                                     : oper(nullptr, name, call.types[0], call.types[1], true, -1);
    if (found != nullptr)
        ReleaseSysCache(found);
    return found == nullptr;
}

/* PostgreSQL's own ones have no others beside them but those of superusers. */
UnusableName ambiguous(const NamedCall &call)
{
    if (call.count == 0 || (call.function < FirstNormalObjectId && call.op < FirstNormalObjectId))
        return {};
    const bool is_function = OidIsValid(call.function);
    char *name = is_function ? get_func_name(call.function) : get_opname(call.op);
    char *schema =
        get_namespace_name(is_function ? get_func_namespace(call.function) : definition::schema_of_operator(call.op));
    List *names = list_make2(makeString(schema), makeString(name));
    if (!(is_function ? fits_several_functions(call, names) : fits_several_operators(call, names)))
        return {};
    return {psprintf("%s %s", is_function ? "function" : "operator", name), schema, true};
}

UnusableName unusable_in(Node *node)
{
    if (IsA(node, CollateExpr))
        return unusable_collation(castNode(CollateExpr, node)->collOid);
    const NamedCall call = call_by_name(node);
    UnusableName found = {};
    if (OidIsValid(call.function))
        found = unusable_function(call.function);
    else if (OidIsValid(call.op))
        found = unusable_operator(call.op);
    return found.name != nullptr ? found : ambiguous(call);
}

bool find_unusable(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    auto *found = static_cast<UnusableName *>(context);
    *found = unusable_in(node);
    return found->name != nullptr || walk_expression(node, find_unusable, context);
}

} // namespace

UnusableName unusable_name(Node *node)
{
    UnusableName found = {};
    (void)find_unusable(node, &found);
    return found;
}

UnusableName unusable_operator(Oid number)
{
    HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(number));
    if (!HeapTupleIsValid(tuple))
        return {};
    auto *form = reinterpret_cast<Form_pg_operator>(GETSTRUCT(tuple));
    UnusableName found = unless_usable("operator", NameStr(form->oprname), form->oprnamespace);
    ReleaseSysCache(tuple);
    return found;
}

UnusableName unusable_collation(Oid collation)
{
    HeapTuple tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
    if (!HeapTupleIsValid(tuple))
        return {};
    auto *form = reinterpret_cast<Form_pg_collation>(GETSTRUCT(tuple));
    UnusableName found = unless_usable("collation", NameStr(form->collname), form->collnamespace);
    ReleaseSysCache(tuple);
    return found;
}

void refuse_unusable(const UnusableName &found)
{
    const std::string schema = found.schema;
    if (found.is_ambiguous)
        refuse(std::string(found.name) + " in schema " + schema,
               "One that has been created since fits as well, so that PostgreSQL cannot choose one by the name.",
               "Drop the other one, or use refresh_mode 'FULL' or 'AUTO'.");
    refuse(std::string(found.name) + " in schema " + schema,
           "The owner of the stream table has no USAGE privilege on schema " + schema + ".",
           "Grant USAGE on the schema, or use refresh_mode 'FULL' or 'AUTO'.");
}

} // namespace pgtrickle::translate
