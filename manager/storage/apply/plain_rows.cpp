#include "storage/apply/plain_rows.hpp"

#include "pg/equality.hpp"
#include "pg/versions/varlena.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/multirangetypes.h"
#include "utils/rangetypes.h"
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

RangeType *plain_range(RangeType *range, TypeCacheEntry *facts)
{
    RangeBound bounds[2];
    bool is_empty;
    range_deserialize(facts, range, &bounds[0], &bounds[1], &is_empty);
    const Oid type = type_with_rows(facts->rngelemtype->type_id);
    for (RangeBound &bound : bounds)
        if (!is_empty && !bound.infinite)
            bound.val = plain_rows(bound.val, type);
    return form_range(facts, &bounds[0], &bounds[1], is_empty);
}

Datum plain_multirange(MultirangeType *multirange, Oid type)
{
    TypeCacheEntry *facts = lookup_type_cache(get_multirange_range(type), TYPECACHE_RANGE_INFO);
    int32 count;
    RangeType **ranges;
    multirange_deserialize(facts, multirange, &count, &ranges);
    for (int i = 0; i < count; i++)
        ranges[i] = plain_range(ranges[i], facts);
    return MultirangeTypePGetDatum(make_multirange(type, facts, count, ranges));
}

} // namespace

Datum plain_rows(Datum value, Oid type)
{
    check_stack_depth();
    if (type_is_rowtype(type))
        return plain_row(DatumGetHeapTupleHeader(value));
    switch (get_typtype(type)) {
    case TYPTYPE_RANGE:
        return RangeTypePGetDatum(
            plain_range(DatumGetRangeTypeP(value), lookup_type_cache(type, TYPECACHE_RANGE_INFO)));
    case TYPTYPE_MULTIRANGE: return plain_multirange(DatumGetMultirangeTypeP(value), type);
    default: return plain_array(DatumGetArrayTypeP(value), type_with_rows(get_element_type(type)));
    }
}

} // namespace pgtrickle::storage
