#include "fdw/scan/touched_clause.hpp"

#include "definition/state/extension_table.hpp"
#include "fdw/scan/query_trees.hpp"
#include "pg/versions/varlena.hpp"

extern "C" {
#include "access/detoast.h"
#include "access/nbtree.h"
#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "port/pg_bitutils.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

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

constexpr Size most_bytes = 4 << 20;

/* How the values of a column are compared. */
struct SetColumn {
    Oid equals; /* the function */
    Oid hash;   /* likewise */
    Oid type;
    Oid collation;
};

/* A value of pgtrickle.touched_values. For each column, an array of the values follows the columns. */
struct TouchedSet {
    int32 length; /* of a varlena */
    int32 column_count;
    int32 row_count;
    alignas(MAXIMUM_ALIGNOF) SetColumn columns[FLEXIBLE_ARRAY_MEMBER];
};

Size size_of_columns(int count)
{
    return MAXALIGN(offsetof(TouchedSet, columns) + sizeof(SetColumn) * count);
}

Oid type_of_sets()
{
    const Oid schema = get_namespace_oid("pgtrickle", false);
    return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("touched_values"), ObjectIdGetDatum(schema));
}

/* ---- the function ------------------------------------------------------------------------ */

struct LookupColumn {
    FmgrInfo hash, equals;
    Oid collation;
    Datum *values; /* of all rows */
    bool *nulls;
};

struct Place {
    int row; /* -1: free */
    uint32 hash;
};

/* A place for a value of a type whose values are equal if their Datums are. */
struct PlainPlace {
    Datum value;
    bool is_used;
};

/* A hash table of the rows with open addressing: at least half of the places are free. */
struct Lookup {
    int column_count;
    LookupColumn *columns;
    Place *places;
    uint32 mask; /* places - 1 */
    /* As many, for the values of the only column; null if there are more columns, or its type is not such a one. The
     * bits are those of a Datum that the type uses: how the others are filled depends on where the Datum is from. */
    PlainPlace *plain_places;
    Datum plain_bits;
    bool has_plain_null;
    Datum *wanted; /* scratch memory */
    bool *wanted_nulls;
};

uint32 hash_of(const Lookup *lookup, const Datum *values, const bool *nulls)
{
    uint32 hash = 0;
    for (int i = 0; i < lookup->column_count; i++) {
        LookupColumn *column = &lookup->columns[i];
        const uint32 part =
            nulls[i] ? 0 : DatumGetUInt32(FunctionCall1Coll(&column->hash, column->collation, values[i]));
        hash = hash_combine(hash, part);
    }
    return hash;
}

bool is_row(const Lookup *lookup, int row, const Datum *values, const bool *nulls)
{
    for (int i = 0; i < lookup->column_count; i++) {
        LookupColumn *column = &lookup->columns[i];
        if (nulls[i] != column->nulls[row])
            return false;
        if (!nulls[i] &&
            !DatumGetBool(FunctionCall2Coll(&column->equals, column->collation, column->values[row], values[i])))
            return false;
    }
    return true;
}

/* Returns whether there is such a row, with this hash; otherwise sets `place` to the free one where it would be. */
bool find(const Lookup *lookup, const Datum *values, const bool *nulls, uint32 hash, uint32 *place)
{
    *place = hash & lookup->mask;
    for (; lookup->places[*place].row >= 0; *place = (*place + 1) & lookup->mask)
        if (lookup->places[*place].hash == hash && is_row(lookup, lookup->places[*place].row, values, nulls))
            return true;
    return false;
}

/* Whether values of the type are equal if, and only if, their Datums are. */
bool is_plain(const SetColumn *column)
{
    const TypeCacheEntry *type = lookup_type_cache(column->type, TYPECACHE_EQ_OPR | TYPECACHE_BTREE_OPFAMILY);
    if (!type->typbyval || !OidIsValid(type->btree_opf) || get_opcode(type->eq_opr) != column->equals)
        return false;
    const Oid input = type->btree_opintype;
    const Oid equal_image = get_opfamily_proc(type->btree_opf, input, input, BTEQUALIMAGE_PROC);
    return OidIsValid(equal_image) &&
           DatumGetBool(OidFunctionCall1Coll(equal_image, column->collation, ObjectIdGetDatum(input)));
}

/* Returns the place of the value, or the free one where it would be. */
PlainPlace *find_plain(const Lookup *lookup, Datum value)
{
    value &= lookup->plain_bits;
    uint32 number = murmurhash32(static_cast<uint32>(value ^ (value >> 32))) & lookup->mask;
    while (lookup->plain_places[number].is_used && lookup->plain_places[number].value != value)
        number = (number + 1) & lookup->mask;
    return &lookup->plain_places[number];
}

void fill_plain_places(Lookup *lookup, Oid type, int row_count)
{
    const int unused_bits = 8 * (static_cast<int>(sizeof(Datum)) - get_typlen(type));
    lookup->plain_bits = ~Datum{0} >> unused_bits;
    lookup->plain_places = static_cast<PlainPlace *>(palloc0(sizeof(PlainPlace) * (lookup->mask + 1)));
    for (int row = 0; row < row_count; row++)
        if (lookup->columns->nulls[row])
            lookup->has_plain_null = true;
        else
            *find_plain(lookup, lookup->columns->values[row]) = {lookup->columns->values[row] & lookup->plain_bits,
                                                                 true};
}

void read_columns(Lookup *lookup, TouchedSet *set, MemoryContext memory)
{
    char *position = reinterpret_cast<char *>(set) + size_of_columns(set->column_count);
    for (int i = 0; i < set->column_count; i++) {
        const SetColumn *from = &set->columns[i];
        LookupColumn *column = &lookup->columns[i];
        fmgr_info_cxt(from->hash, &column->hash, memory);
        fmgr_info_cxt(from->equals, &column->equals, memory);
        column->collation = from->collation;
        int16 length;
        bool is_by_value;
        char alignment;
        get_typlenbyvalalign(from->type, &length, &is_by_value, &alignment);
        auto *array = reinterpret_cast<ArrayType *>(position);
        int count;
        deconstruct_array(array, from->type, length, is_by_value, alignment, &column->values, &column->nulls, &count);
        position += MAXALIGN(VARSIZE(array));
    }
}

Lookup *make_lookup(const TouchedSet *given, MemoryContext memory)
{
    MemoryContext previous = MemoryContextSwitchTo(memory);
    auto *set = reinterpret_cast<TouchedSet *>(DatumGetPointer(datumCopy(PointerGetDatum(given), false, -1)));
    auto *lookup = static_cast<Lookup *>(palloc0(sizeof(Lookup)));
    lookup->column_count = set->column_count;
    lookup->columns = static_cast<LookupColumn *>(palloc0(sizeof(LookupColumn) * set->column_count));
    lookup->wanted = static_cast<Datum *>(palloc0(sizeof(Datum) * set->column_count));
    lookup->wanted_nulls = static_cast<bool *>(palloc0(sizeof(bool) * set->column_count));
    read_columns(lookup, set, memory);
    const uint32 places = pg_nextpower2_32(static_cast<uint32>(std::max(2 * set->row_count, 2)));
    lookup->mask = places - 1;
    if (set->column_count == 1 && is_plain(set->columns)) {
        fill_plain_places(lookup, set->columns->type, set->row_count);
        MemoryContextSwitchTo(previous);
        return lookup;
    }
    lookup->places = static_cast<Place *>(palloc(sizeof(Place) * places));
    std::fill(lookup->places, lookup->places + places, Place{-1, 0});
    for (int row = 0; row < set->row_count; row++) {
        for (int i = 0; i < set->column_count; i++) {
            lookup->wanted[i] = lookup->columns[i].values[row];
            lookup->wanted_nulls[i] = lookup->columns[i].nulls[row];
        }
        uint32 place;
        const uint32 hash = hash_of(lookup, lookup->wanted, lookup->wanted_nulls);
        if (!find(lookup, lookup->wanted, lookup->wanted_nulls, hash, &place))
            lookup->places[place] = {row, hash};
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

/* Returns values of a type as an array with one dimension. */
ArrayType *make_array(Oid type, Datum *values, bool *nulls, int count)
{
    int16 length;
    bool is_by_value;
    char alignment;
    get_typlenbyvalalign(type, &length, &is_by_value, &alignment);
    int lower_bound = 1;
    return construct_md_array(values, nulls, 1, &count, &lower_bound, type, length, is_by_value, alignment);
}

/* Returns the values of one of the columns. */
ArrayType *array_of_column(const TouchedKeys &touched, int number)
{
    const int count = list_length(touched.keys);
    auto *values = static_cast<Datum *>(palloc(sizeof(Datum) * (count + 1)));
    auto *nulls = static_cast<bool *>(palloc(sizeof(bool) * (count + 1)));
    ListCell *cell;
    foreach (cell, touched.keys) {
        const auto *row = static_cast<const storage::KeptRow *>(lfirst(cell));
        values[foreach_current_index(cell)] = row->values[number];
        nulls[foreach_current_index(cell)] = row->nulls[number];
    }
    return make_array(touched.columns[number].type, values, nulls, count);
}

/* Returns the size that the values of one of the columns have in an array, apart from their alignment. */
Size size_of_values(const TouchedKeys &touched, int number)
{
    int16 length;
    bool is_by_value;
    get_typlenbyval(touched.columns[number].type, &length, &is_by_value);
    Size size = 0;
    ListCell *cell;
    foreach (cell, touched.keys) {
        const auto *row = static_cast<const storage::KeptRow *>(lfirst(cell));
        if (!row->nulls[number])
            size += length == -1 ? toast_raw_datum_size(row->values[number])
                                 : datumGetSize(row->values[number], is_by_value, length);
    }
    return size;
}

/* Returns the values that are not NULL. */
ArrayType *array_of_values(const TouchedValues &touched)
{
    auto *values = static_cast<Datum *>(palloc(sizeof(Datum) * (list_length(touched.values) + 1)));
    int count = 0;
    ListCell *cell;
    foreach (cell, touched.values)
        values[count++] = lfirst_node(Const, cell)->constvalue;
    return make_array(touched.type, values, nullptr, count);
}

TouchedSet *set_of(const TouchedKeys &touched, List *vars)
{
    Size size = size_of_columns(touched.column_count);
    List *arrays = NIL;
    for (int i = 0; i < touched.column_count; i++) {
        arrays = lappend(arrays, array_of_column(touched, i));
        size += MAXALIGN(VARSIZE(llast(arrays)));
    }
    auto *set = static_cast<TouchedSet *>(palloc0(size));
    SET_VARSIZE(set, size);
    set->column_count = touched.column_count;
    set->row_count = list_length(touched.keys);
    char *position = reinterpret_cast<char *>(set) + size_of_columns(set->column_count);
    for (int i = 0; i < touched.column_count; i++) {
        const TouchedColumn *column = &touched.columns[i];
        set->columns[i] = {get_opcode(column->equals), hash_function(column->equals), column->type,
                           list_nth_node(Var, vars, i)->varcollid};
        void *array = list_nth(arrays, i);
        memcpy(position, array, VARSIZE(array));
        position += MAXALIGN(VARSIZE(array));
    }
    return set;
}

/* Returns true if a touched row has a value that satisfies `value = constant` by the operator, which may compare two
 * types. */
bool contains(const TouchedKeys &touched, int number, const OpExpr *comparison, Datum constant)
{
    FmgrInfo equals;
    fmgr_info(get_opcode(comparison->opno), &equals);
    ListCell *cell;
    foreach (cell, touched.keys) {
        const auto *row = static_cast<const storage::KeptRow *>(lfirst(cell));
        if (!row->nulls[number] &&
            DatumGetBool(FunctionCall2Coll(&equals, comparison->inputcollid, row->values[number], constant)))
            return true;
    }
    return false;
}

bool excludes_column(const TouchedKeys &touched, int number, const OpExpr *comparison)
{
    const Node *left = unrelabelled(static_cast<const Node *>(linitial(comparison->args)));
    const Node *right = unrelabelled(static_cast<const Node *>(lsecond(comparison->args)));
    if (!IsA(left, Var) || !IsA(right, Const) ||
        reinterpret_cast<const Var *>(left)->varattno != touched.columns[number].column ||
        reinterpret_cast<const Var *>(left)->varcollid != comparison->inputcollid ||
        hash_function(comparison->opno) != hash_function(touched.columns[number].equals))
        return false;
    const auto *constant = reinterpret_cast<const Const *>(right);
    return constant->constisnull || !contains(touched, number, comparison, constant->constvalue);
}

} // namespace

TouchedKeys keys_of(const TouchedValues &touched, AttrNumber column)
{
    auto *only = static_cast<TouchedColumn *>(palloc(sizeof(TouchedColumn)));
    *only = {column, touched.equals, touched.type};
    TouchedKeys keys = {1, only, NIL};
    const int count = list_length(touched.values);
    for (int i = 0; i < count + (touched.has_null ? 1 : 0); i++) {
        auto *row = static_cast<storage::KeptRow *>(palloc(sizeof(storage::KeptRow)));
        *row = {static_cast<Datum *>(palloc0(sizeof(Datum))), static_cast<bool *>(palloc0(sizeof(bool)))};
        if (i < count)
            row->values[0] = list_nth_node(Const, touched.values, i)->constvalue;
        else
            row->nulls[0] = true;
        keys.keys = lappend(keys.keys, row);
    }
    return keys;
}

bool can_be_in_clause(const TouchedKeys &touched)
{
    if (touched.column_count >= FUNC_MAX_ARGS)
        return false;
    Size size = 0;
    for (int i = 0; i < touched.column_count; i++) {
        if (!op_hashjoinable(touched.columns[i].equals, touched.columns[i].type) ||
            !OidIsValid(hash_function(touched.columns[i].equals)))
            return false;
        size += size_of_values(touched, i);
    }
    return size <= most_bytes;
}

Node *touched_clause(const TouchedKeys &touched, List *values)
{
    const Oid type = type_of_sets();
    Const *constant = makeConst(type, -1, InvalidOid, -1, PointerGetDatum(set_of(touched, values)), false, false);
    const Oid function = definition::extension_function("is_touched", {type, ANYOID});
    return reinterpret_cast<Node *>(
        makeFuncExpr(function, BOOLOID, lcons(constant, values), InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL));
}

bool is_touched_clause(const Node *clause)
{
    if (clause == nullptr || !IsA(clause, FuncExpr))
        return false;
    const List *arguments = reinterpret_cast<const FuncExpr *>(clause)->args;
    return list_length(arguments) > 1 && IsA(linitial(arguments), Const) &&
           !linitial_node(Const, arguments)->constisnull &&
           linitial_node(Const, arguments)->consttype == type_of_sets();
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
                                              PointerGetDatum(array_of_values(touched)), false, false));
    any->location = -1;
    if (!touched.has_null)
        return reinterpret_cast<Node *>(any);
    NullTest *null = makeNode(NullTest);
    null->arg = reinterpret_cast<Expr *>(copyObjectImpl(value));
    null->nulltesttype = IS_NULL;
    null->location = -1;
    return reinterpret_cast<Node *>(makeBoolExpr(OR_EXPR, list_make2(any, null), -1));
}

bool excludes_touched(const TouchedKeys &touched, const Node *clause)
{
    if (!IsA(clause, OpExpr) || list_length(reinterpret_cast<const OpExpr *>(clause)->args) != 2)
        return false;
    for (int i = 0; i < touched.column_count; i++)
        if (excludes_column(touched, i, reinterpret_cast<const OpExpr *>(clause)))
            return true;
    return false;
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

/* is_touched(touched_values, VARIADIC "any") */
Datum pgtrickle_is_touched(PG_FUNCTION_ARGS)
{
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    auto *lookup = static_cast<Lookup *>(fcinfo->flinfo->fn_extra);
    if (lookup == nullptr) {
        const auto *set = reinterpret_cast<const TouchedSet *>(PG_DETOAST_DATUM(PG_GETARG_DATUM(0)));
        if (PG_NARGS() != set->column_count + 1)
            elog(ERROR, "function %u is called with %d arguments", fcinfo->flinfo->fn_oid, PG_NARGS());
        lookup = make_lookup(set, fcinfo->flinfo->fn_mcxt);
        fcinfo->flinfo->fn_extra = lookup;
    }
    if (lookup->plain_places != nullptr)
        PG_RETURN_BOOL(PG_ARGISNULL(1) ? lookup->has_plain_null : find_plain(lookup, PG_GETARG_DATUM(1))->is_used);
    for (int i = 0; i < lookup->column_count; i++) {
        lookup->wanted[i] = PG_GETARG_DATUM(i + 1);
        lookup->wanted_nulls[i] = PG_ARGISNULL(i + 1);
    }
    uint32 place;
    const uint32 hash = hash_of(lookup, lookup->wanted, lookup->wanted_nulls);
    PG_RETURN_BOOL(find(lookup, lookup->wanted, lookup->wanted_nulls, hash, &place));
}

/* Each touched row selects as many rows as any other combination of values. */
Datum pgtrickle_is_touched_support(PG_FUNCTION_ARGS)
{
    auto *node = reinterpret_cast<Node *>(PG_GETARG_POINTER(0));
    if (!IsA(node, SupportRequestSelectivity))
        PG_RETURN_POINTER(nullptr);
    auto *request = reinterpret_cast<SupportRequestSelectivity *>(node);
    auto *constant = static_cast<Node *>(linitial(request->args));
    if (request->is_join || !IsA(constant, Const) || reinterpret_cast<Const *>(constant)->constisnull)
        PG_RETURN_POINTER(nullptr);
    const auto *set =
        reinterpret_cast<const TouchedSet *>(DatumGetPointer(reinterpret_cast<Const *>(constant)->constvalue));
    double combinations = 1;
    for (int i = 1; i < list_length(request->args); i++) {
        VariableStatData variable;
        examine_variable(request->root, static_cast<Node *>(list_nth(request->args, i)), request->varRelid, &variable);
        bool is_default;
        combinations *= std::max(get_variable_numdistinct(&variable, &is_default), 1.0);
        ReleaseVariableStats(variable);
    }
    request->selectivity = set->row_count / combinations;
    CLAMP_PROBABILITY(request->selectivity);
    PG_RETURN_POINTER(request);
}
