#include "storage/apply/plain_rows.hpp"

#include "pg/versions/varlena.hpp"

extern "C" {
#include "access/htup_details.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
}

namespace pgtrickle::storage {

namespace {

/* Detoasted, and with a long header, which heap_form_tuple() makes short where the column permits it. */
Datum plain_field(Datum value, Form_pg_attribute column)
{
    if (column->attlen != -1)
        return value;
    const Oid type = type_with_rows(column->atttypid);
    return OidIsValid(type) ? plain_rows(value, type) : PointerGetDatum(PG_DETOAST_DATUM(value));
}

Datum plain_row(HeapTupleHeader row)
{
    TupleDesc descriptor = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
    auto *values = static_cast<Datum *>(palloc(sizeof(Datum) * (descriptor->natts + 1)));
    auto *nulls = static_cast<bool *>(palloc(sizeof(bool) * (descriptor->natts + 1)));
    HeapTupleData tuple = {};
    tuple.t_len = HeapTupleHeaderGetDatumLength(row);
    tuple.t_data = row;
    heap_deform_tuple(&tuple, descriptor, values, nulls);
    for (int i = 0; i < descriptor->natts; i++) {
        Form_pg_attribute column = TupleDescAttr(descriptor, i);
        nulls[i] = nulls[i] || column->attisdropped;
        if (!nulls[i])
            values[i] = plain_field(values[i], column);
    }
    HeapTuple formed = heap_form_tuple(descriptor, values, nulls);
    const Datum plain = heap_copy_tuple_as_datum(formed, descriptor);
    heap_freetuple(formed);
    ReleaseTupleDesc(descriptor);
    return plain;
}

Datum plain_array(ArrayType *array, Oid type)
{
    int16 length;
    bool is_by_value;
    char align;
    get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &is_by_value, &align);
    Datum *elements;
    bool *nulls;
    int count;
    deconstruct_array(array, ARR_ELEMTYPE(array), length, is_by_value, align, &elements, &nulls, &count);
    for (int i = 0; i < count; i++)
        if (!nulls[i])
            elements[i] = plain_rows(elements[i], type);
    return PointerGetDatum(construct_md_array(elements, nulls, ARR_NDIM(array), ARR_DIMS(array), ARR_LBOUND(array),
                                              ARR_ELEMTYPE(array), length, is_by_value, align));
}

} // namespace

Oid type_with_rows(Oid type)
{
    const Oid base = getBaseType(type);
    if (type_is_rowtype(base))
        return base;
    const Oid element = get_element_type(base);
    return OidIsValid(element) && OidIsValid(type_with_rows(element)) ? base : InvalidOid;
}

Datum plain_rows(Datum value, Oid type)
{
    check_stack_depth();
    if (type_is_rowtype(type))
        return plain_row(DatumGetHeapTupleHeader(value));
    return plain_array(DatumGetArrayTypeP(value), type_with_rows(get_element_type(type)));
}

} // namespace pgtrickle::storage
