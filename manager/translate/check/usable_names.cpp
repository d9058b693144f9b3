#include "translate/check/usable_names.hpp"

#include "pg/versions/rights.hpp"
#include "pg/walker.hpp"
#include "translate/check/refusal.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace pgtrickle::translate {

namespace {

UnusableName unless_usable(const char *kind, const char *name, Oid schema)
{
    if (may_use_schema(schema, GetUserId()))
        return {};
    return {psprintf("%s %s", kind, name), get_namespace_name(schema)};
}

UnusableName unusable_function(Oid number)
{
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(number));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for function %u", number);
    auto *form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    UnusableName found = unless_usable("function", NameStr(form->proname), form->pronamespace);
    ReleaseSysCache(tuple);
    return found;
}

UnusableName unusable_in(Node *node)
{
    switch (nodeTag(node)) {
    case T_FuncExpr: return unusable_function(castNode(FuncExpr, node)->funcid);
    case T_Aggref: return unusable_function(castNode(Aggref, node)->aggfnoid);
    case T_WindowFunc: return unusable_function(castNode(WindowFunc, node)->winfnoid);
    case T_OpExpr:
    case T_DistinctExpr:
    case T_NullIfExpr: /* same struct as OpExpr */ return unusable_operator(reinterpret_cast<OpExpr *>(node)->opno);
    case T_ScalarArrayOpExpr: return unusable_operator(castNode(ScalarArrayOpExpr, node)->opno);
    case T_RowCompareExpr: return unusable_operator(linitial_oid(castNode(RowCompareExpr, node)->opnos));
    case T_CollateExpr: return unusable_collation(castNode(CollateExpr, node)->collOid);
    default: return {};
    }
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
    refuse(std::string(found.name) + " in schema " + schema,
           "The owner of the stream table has no USAGE privilege on schema " + schema + ".",
           "Grant USAGE on the schema, or use refresh_mode 'FULL' or 'AUTO'.");
}

} // namespace pgtrickle::translate
