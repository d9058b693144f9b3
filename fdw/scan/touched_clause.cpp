#include "fdw/scan/touched_clause.hpp"

#include "pg/versions/varlena.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "parser/parse_func.h"
#include "port/pg_bitutils.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

PGDLLEXPORT Datum pgtrickle_touched_values_in(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pgtrickle_touched_values_out(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pgtrickle_is_touched(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pgtrickle_is_touched_support(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgtrickle_touched_values_in);
PG_FUNCTION_INFO_V1(pgtrickle_touched_values_out);
PG_FUNCTION_INFO_V1(pgtrickle_is_touched);
PG_FUNCTION_INFO_V1(pgtrickle_is_touched_support);
}

#include <algorithm>

namespace pgtrickle {

namespace {

/* A value of pgtrickle.touched_values. The array of the values without NULLs follows it. */
struct TouchedSet {
    int32 length; /* of a varlena */
    Oid equals;   /* the operator */
    Oid type;     /* of its operands */
    Oid collation;
    Oid hash; /* the function */
    int32 count;
    bool has_null;
    alignas(MAXIMUM_ALIGNOF) char array[FLEXIBLE_ARRAY_MEMBER];
};

ArrayType *array_of(const TouchedSet *set)
{
    return reinterpret_cast<ArrayType *>(const_cast<char *>(set->array));
}

List *qualified(const char *name)
{
    return list_make2(makeString(pstrdup("pgtrickle")), makeString(pstrdup(name)));
}

Oid type_of_sets()
{
    const Oid schema = get_namespace_oid("pgtrickle", false);
    return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("touched_values"), ObjectIdGetDatum(schema));
}

const Node *unrelabelled(const Node *node)
{
    while (node != nullptr && IsA(node, RelabelType))
        node = reinterpret_cast<const Node *>(reinterpret_cast<const RelabelType *>(node)->arg);
    return node;
}

/* ---- the function ------------------------------------------------------------------------ */

/* A hash table of the values with open addressing: at least half of the places are free. */
struct Lookup {
    const TouchedSet *set;
    FmgrInfo hash, equals;
    Datum *values;
    bool *is_taken;
    uint32 mask; /* places - 1 */
};

uint32 hash_of(Lookup *lookup, Datum value)
{
    return DatumGetUInt32(FunctionCall1Coll(&lookup->hash, lookup->set->collation, value));
}

bool find(Lookup *lookup, Datum value, uint32 *place)
{
    for (*place = hash_of(lookup, value) & lookup->mask; lookup->is_taken[*place]; *place = (*place + 1) & lookup->mask)
        if (DatumGetBool(FunctionCall2Coll(&lookup->equals, lookup->set->collation, lookup->values[*place], value)))
            return true;
    return false;
}

Lookup *make_lookup(const TouchedSet *set, MemoryContext memory)
{
    MemoryContext previous = MemoryContextSwitchTo(memory);
    auto *lookup = static_cast<Lookup *>(palloc0(sizeof(Lookup)));
    lookup->set = reinterpret_cast<TouchedSet *>(DatumGetPointer(datumCopy(PointerGetDatum(set), false, -1)));
    fmgr_info_cxt(set->hash, &lookup->hash, memory);
    fmgr_info_cxt(get_opcode(set->equals), &lookup->equals, memory);
    const uint32 places = pg_nextpower2_32(std::max(2 * set->count, 2));
    lookup->values = static_cast<Datum *>(palloc(sizeof(Datum) * places));
    lookup->is_taken = static_cast<bool *>(palloc0(sizeof(bool) * places));
    lookup->mask = places - 1;
    int16 length;
    bool is_by_value;
    char alignment;
    get_typlenbyvalalign(set->type, &length, &is_by_value, &alignment);
    Datum *values;
    int count;
    deconstruct_array(array_of(lookup->set), set->type, length, is_by_value, alignment, &values, nullptr, &count);
    for (int i = 0; i < count; i++) {
        uint32 place;
        if (find(lookup, values[i], &place))
            continue;
        lookup->values[place] = values[i];
        lookup->is_taken[place] = true;
    }
    MemoryContextSwitchTo(previous);
    return lookup;
}

/* ---- what clauses mean ------------------------------------------------------------------- */

Oid hash_function(Oid equals)
{
    Oid hash, hash_of_right;
    return get_op_hash_functions(equals, &hash, &hash_of_right) ? hash : InvalidOid;
}

/* Returns the values as an array. */
ArrayType *array_of(const TouchedValues &touched)
{
    int16 length;
    bool is_by_value;
    char alignment;
    get_typlenbyvalalign(touched.type, &length, &is_by_value, &alignment);
    auto *values = static_cast<Datum *>(palloc(sizeof(Datum) * (list_length(touched.values) + 1)));
    int count = 0;
    ListCell *cell;
    foreach (cell, touched.values)
        values[count++] = lfirst_node(Const, cell)->constvalue;
    return construct_array(values, count, touched.type, length, is_by_value, alignment);
}

/* Returns true if a value satisfies `value = constant` by the operator, which may compare two types. */
bool contains(const TouchedValues &touched, Oid equals, Oid collation, Datum constant)
{
    FmgrInfo function;
    fmgr_info(get_opcode(equals), &function);
    ListCell *cell;
    foreach (cell, touched.values)
        if (DatumGetBool(FunctionCall2Coll(&function, collation, lfirst_node(Const, cell)->constvalue, constant)))
            return true;
    return false;
}

} // namespace

bool can_be_hashed(const TouchedValues &touched)
{
    return op_hashjoinable(touched.equals, touched.type) && OidIsValid(hash_function(touched.equals));
}

Node *touched_clause(const TouchedValues &touched, Var *value)
{
    const ArrayType *array = array_of(touched);
    const Size size = offsetof(TouchedSet, array) + VARSIZE(array);
    auto *set = static_cast<TouchedSet *>(palloc0(size));
    SET_VARSIZE(set, size);
    set->equals = touched.equals;
    set->type = touched.type;
    set->collation = value->varcollid;
    set->hash = hash_function(touched.equals);
    set->count = list_length(touched.values);
    set->has_null = touched.has_null;
    memcpy(set->array, array, VARSIZE(array));
    const Oid type = type_of_sets();
    Const *constant = makeConst(type, -1, InvalidOid, -1, PointerGetDatum(set), false, false);
    Oid arguments[] = {ANYOID, type};
    const Oid function = LookupFuncName(qualified("is_touched"), 2, arguments, false);
    return reinterpret_cast<Node *>(makeFuncExpr(function, BOOLOID, list_make2(value, constant), InvalidOid,
                                                 value->varcollid, COERCE_EXPLICIT_CALL));
}

bool is_touched_clause(const Node *clause)
{
    if (clause == nullptr || !IsA(clause, FuncExpr))
        return false;
    const List *arguments = reinterpret_cast<const FuncExpr *>(clause)->args;
    return list_length(arguments) == 2 && IsA(lsecond(arguments), Const) &&
           !lsecond_node(Const, arguments)->constisnull && lsecond_node(Const, arguments)->consttype == type_of_sets();
}

Node *searchable_clause(const TouchedValues &touched, Var *value)
{
    auto *operand = reinterpret_cast<Expr *>(value);
    if (value->vartype != touched.type)
        operand = reinterpret_cast<Expr *>(
            makeRelabelType(operand, touched.type, -1, value->varcollid, COERCE_IMPLICIT_CAST));
    ScalarArrayOpExpr *any = makeNode(ScalarArrayOpExpr);
    any->opno = touched.equals;
    any->opfuncid = get_opcode(touched.equals);
    any->useOr = true;
    any->inputcollid = value->varcollid;
    any->args = list_make2(operand, makeConst(get_array_type(touched.type), -1, value->varcollid, -1,
                                              PointerGetDatum(array_of(touched)), false, false));
    any->location = -1;
    if (!touched.has_null)
        return reinterpret_cast<Node *>(any);
    NullTest *null = makeNode(NullTest);
    null->arg = reinterpret_cast<Expr *>(copyObjectImpl(value));
    null->nulltesttype = IS_NULL;
    null->location = -1;
    return reinterpret_cast<Node *>(makeBoolExpr(OR_EXPR, list_make2(any, null), -1));
}

bool excludes_touched(const TouchedValues &touched, AttrNumber column, const Node *clause)
{
    if (!IsA(clause, OpExpr) || list_length(reinterpret_cast<const OpExpr *>(clause)->args) != 2)
        return false;
    const auto *comparison = reinterpret_cast<const OpExpr *>(clause);
    const Node *left = unrelabelled(static_cast<const Node *>(linitial(comparison->args)));
    const Node *right = unrelabelled(static_cast<const Node *>(lsecond(comparison->args)));
    if (!IsA(left, Var) || !IsA(right, Const) || reinterpret_cast<const Var *>(left)->varattno != column ||
        reinterpret_cast<const Var *>(left)->varcollid != comparison->inputcollid ||
        hash_function(comparison->opno) != hash_function(touched.equals))
        return false;
    const auto *constant = reinterpret_cast<const Const *>(right);
    return constant->constisnull || !contains(touched, comparison->opno, comparison->inputcollid, constant->constvalue);
}

} // namespace pgtrickle

using namespace pgtrickle;

/* touched_values_in(cstring): users make no such values. */
Datum pgtrickle_touched_values_in(PG_FUNCTION_ARGS)
{
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot accept a value of type %s", "touched_values")));
}

/* touched_values_out(touched_values): the values are data that a reader may not see. */
Datum pgtrickle_touched_values_out(PG_FUNCTION_ARGS)
{
    PG_RETURN_CSTRING(pstrdup("touched values"));
}

/* is_touched(value, touched_values) */
Datum pgtrickle_is_touched(PG_FUNCTION_ARGS)
{
    if (PG_ARGISNULL(1))
        PG_RETURN_NULL();
    auto *lookup = static_cast<Lookup *>(fcinfo->flinfo->fn_extra);
    if (lookup == nullptr) {
        const auto *set = reinterpret_cast<const TouchedSet *>(PG_DETOAST_DATUM(PG_GETARG_DATUM(1)));
        lookup = make_lookup(set, fcinfo->flinfo->fn_mcxt);
        fcinfo->flinfo->fn_extra = lookup;
    }
    if (PG_ARGISNULL(0))
        PG_RETURN_BOOL(lookup->set->has_null);
    uint32 place;
    PG_RETURN_BOOL(find(lookup, PG_GETARG_DATUM(0), &place));
}

/* Each touched value selects as many rows as any other value of the column. */
Datum pgtrickle_is_touched_support(PG_FUNCTION_ARGS)
{
    auto *node = reinterpret_cast<Node *>(PG_GETARG_POINTER(0));
    if (!IsA(node, SupportRequestSelectivity))
        PG_RETURN_POINTER(nullptr);
    auto *request = reinterpret_cast<SupportRequestSelectivity *>(node);
    auto *constant = static_cast<Node *>(lsecond(request->args));
    if (request->is_join || !IsA(constant, Const) || reinterpret_cast<Const *>(constant)->constisnull)
        PG_RETURN_POINTER(nullptr);
    const auto *set =
        reinterpret_cast<const TouchedSet *>(DatumGetPointer(reinterpret_cast<Const *>(constant)->constvalue));
    VariableStatData variable;
    examine_variable(request->root, static_cast<Node *>(linitial(request->args)), request->varRelid, &variable);
    bool is_default;
    const double values = get_variable_numdistinct(&variable, &is_default);
    ReleaseVariableStats(variable);
    request->selectivity = (set->count + (set->has_null ? 1 : 0)) / std::max(values, 1.0);
    CLAMP_PROBABILITY(request->selectivity);
    PG_RETURN_POINTER(request);
}
