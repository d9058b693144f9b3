#include "storage/functions/row_values.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/typcache.h"
}

namespace pgtrickle::storage {

namespace {

/* PostgreSQL frames. */

const List *arguments_of(FunctionCallInfo fcinfo)
{
    const Node *expression = fcinfo->flinfo->fn_expr;
    if (get_fn_expr_variadic(fcinfo->flinfo) || expression == nullptr || !IsA(expression, FuncExpr))
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("the columns of a row must be given one by one")));
    return reinterpret_cast<const FuncExpr *>(expression)->args;
}

/* Returns the only argument, if it is a record, or NULL. */
HeapTupleHeader row_of(FunctionCallInfo fcinfo)
{
    if (PG_NARGS() != 1 || PG_ARGISNULL(0) || get_fn_expr_argtype(fcinfo->flinfo, 0) != RECORDOID)
        return nullptr;
    return PG_GETARG_HEAPTUPLEHEADER(0);
}

/* Returns what the typcache counts up when a row type is made or altered. */
uint64 row_type_of(HeapTupleHeader row)
{
    return row == nullptr ? 0
                          : assign_record_type_identifier(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
}

/* A dropped column has lost its type, not its place: it stands for an int4 that is NULL (read_values()). */
TupleDesc describe_row(HeapTupleHeader row)
{
    TupleDesc descriptor = lookup_rowtype_tupdesc_copy(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
    for (int i = 0; i < descriptor->natts; i++)
        if (TupleDescAttr(descriptor, i)->attisdropped)
            TupleDescAttr(descriptor, i)->atttypid = INT4OID;
    return descriptor;
}

} // namespace

ValueTypes describe_values(FunctionCallInfo fcinfo)
{
    const List *arguments = arguments_of(fcinfo);
    if (HeapTupleHeader row = row_of(fcinfo))
        return {describe_row(row), row_type_of(row)};
    TupleDesc descriptor = CreateTemplateTupleDesc(PG_NARGS());
    for (int i = 0; i < PG_NARGS(); i++) {
        Node *argument = static_cast<Node *>(list_nth(arguments, i));
        TupleDescInitEntry(descriptor, static_cast<AttrNumber>(i + 1), nullptr, exprType(argument), -1, 0);
        TupleDescInitEntryCollation(descriptor, static_cast<AttrNumber>(i + 1), exprCollation(argument));
    }
    return {descriptor, 0};
}

bool is_described_by(FunctionCallInfo fcinfo, const ValueTypes &types)
{
    return row_type_of(row_of(fcinfo)) == types.row_type;
}

void read_values(FunctionCallInfo fcinfo, const ValueTypes &types, Datum *values, bool *nulls)
{
    if (HeapTupleHeader row = row_of(fcinfo)) {
        HeapTupleData tuple = {};
        tuple.t_len = HeapTupleHeaderGetDatumLength(row);
        tuple.t_data = row;
        heap_deform_tuple(&tuple, types.descriptor, values, nulls);
        for (int i = 0; i < types.descriptor->natts; i++)
            nulls[i] = nulls[i] || TupleDescAttr(types.descriptor, i)->attisdropped;
        return;
    }
    for (int i = 0; i < PG_NARGS(); i++) {
        values[i] = PG_GETARG_DATUM(i);
        nulls[i] = PG_ARGISNULL(i);
    }
}

} // namespace pgtrickle::storage
