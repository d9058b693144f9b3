/*
 * SQL functions by which a maintenance statement finds a row in an arrangement: the hash that the arrangement
 * stores for the row (identity.hpp), for columns of any type, and the image that distinguishes rows where a
 * type has no equality.
 *
 *   pgtrickle.key_hash(VARIADIC "any")    of a key of layout groups
 *   pgtrickle.image_hash(VARIADIC "any")  of a row of layout rows
 *   pgtrickle.row_image(VARIADIC "any")   equal exactly if the images are
 *
 * Each takes the values one by one or as one ROW(…) (row_values.hpp).
 *
 * PostgreSQL frames: nothing in this file has a destructor.
 */
#include "pg/versions/varlena.hpp"
#include "storage/apply/identity.hpp"
#include "storage/functions/row_values.hpp"

extern "C" {
#include "lib/stringinfo.h"

PGDLLEXPORT Datum pgtrickle_key_hash(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pgtrickle_image_hash(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pgtrickle_row_image(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgtrickle_key_hash);
PG_FUNCTION_INFO_V1(pgtrickle_image_hash);
PG_FUNCTION_INFO_V1(pgtrickle_row_image);
}

namespace pgtrickle::storage {

namespace {

/* State kept between calls, in the memory context of the function's expression. */
struct RowFacts {
    ValueTypes types;
    Identity identity;
};

const RowFacts *row_facts(FunctionCallInfo fcinfo, bool by_image)
{
    auto *known = static_cast<RowFacts *>(fcinfo->flinfo->fn_extra);
    if (known != nullptr && is_described_by(fcinfo, known->types))
        return known;
    MemoryContext previous = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
    auto *facts = static_cast<RowFacts *>(palloc0(sizeof(RowFacts)));
    facts->types = describe_values(fcinfo);
    TupleDesc descriptor = facts->types.descriptor;
    const int count = descriptor->natts;
    int *positions = static_cast<int *>(palloc(sizeof(int) * count));
    for (int i = 0; i < count; i++)
        positions[i] = i;
    facts->identity = by_image ? Identity::of_image(descriptor, count) : Identity::of_key(descriptor, positions, count);
    fcinfo->flinfo->fn_extra = facts;
    MemoryContextSwitchTo(previous);
    return facts;
}

int64 hash_of_values(FunctionCallInfo fcinfo, bool by_image)
{
    const RowFacts *facts = row_facts(fcinfo, by_image);
    Datum values[MaxTupleAttributeNumber];
    bool nulls[MaxTupleAttributeNumber];
    read_values(fcinfo, facts->types, values, nulls);
    return facts->identity.hash(values, nulls);
}

void append_bytes(StringInfo image, const void *bytes, Size length)
{
    appendBinaryStringInfo(image, reinterpret_cast<const char *>(&length), sizeof(length));
    appendBinaryStringInfo(image, static_cast<const char *>(bytes), static_cast<int>(length));
}

void append_image(StringInfo image, Datum value, bool is_by_value, int16 typlen)
{
    if (is_by_value) {
        /* Only the type's own bytes count. */
        union {
            char bytes[sizeof(Datum)];
            Datum datum;
        } stored = {};
        store_att_byval(stored.bytes, value, typlen);
        append_bytes(image, stored.bytes, static_cast<Size>(typlen));
    } else if (typlen > 0) {
        append_bytes(image, DatumGetPointer(value), static_cast<Size>(typlen));
    } else if (typlen == -2) {
        append_bytes(image, DatumGetCString(value), strlen(DatumGetCString(value)));
    } else {
        auto *packed = PG_DETOAST_DATUM_PACKED(value);
        append_bytes(image, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
    }
}

bytea *image_of_values(FunctionCallInfo fcinfo)
{
    const RowFacts *facts = row_facts(fcinfo, true);
    Datum values[MaxTupleAttributeNumber];
    bool nulls[MaxTupleAttributeNumber];
    read_values(fcinfo, facts->types, values, nulls);
    StringInfoData image;
    initStringInfo(&image);
    appendStringInfoSpaces(&image, VARHDRSZ);
    for (int i = 0; i < facts->types.descriptor->natts; i++) {
        Form_pg_attribute attribute = TupleDescAttr(facts->types.descriptor, i);
        appendStringInfoChar(&image, nulls[i] ? 'n' : 'v');
        if (!nulls[i])
            append_image(&image, facts->identity.plain(i, values[i]), attribute->attbyval, attribute->attlen);
    }
    auto *result = reinterpret_cast<bytea *>(image.data);
    SET_VARSIZE(result, image.len);
    return result;
}

} // namespace

} // namespace pgtrickle::storage

Datum pgtrickle_key_hash(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT64(pgtrickle::storage::hash_of_values(fcinfo, false));
}

Datum pgtrickle_image_hash(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT64(pgtrickle::storage::hash_of_values(fcinfo, true));
}

Datum pgtrickle_row_image(PG_FUNCTION_ARGS)
{
    PG_RETURN_BYTEA_P(pgtrickle::storage::image_of_values(fcinfo));
}
