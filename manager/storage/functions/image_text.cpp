/*
 * The image of some values as a text: the hexadecimal digits of their bytes, each value with its length, or,
 * if these are many, the digits of their SHA-256 digest.
 */
#include "pg/boundary.hpp"
#include "pg/equality.hpp"
#include "pg/versions/varlena.hpp"
#include "storage/apply/plain_rows.hpp"
#include "storage/functions/row_values.hpp"

extern "C" {
#include "access/tupmacs.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
}

namespace pgtrickle {

namespace {

constexpr int longest_plain = 40;

/* State kept between calls, in the memory context of the function's expression. */
struct ValueFacts {
    storage::ValueTypes types;
    Oid *rows; /* type_with_rows() of each value */
};

/* All functions of this file but its SQL functions are PostgreSQL frames. */

const ValueFacts *value_facts(FunctionCallInfo fcinfo)
{
    auto *known = static_cast<ValueFacts *>(fcinfo->flinfo->fn_extra);
    if (known != nullptr && storage::is_described_by(fcinfo, known->types))
        return known;
    MemoryContext previous = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
    auto *facts = static_cast<ValueFacts *>(palloc(sizeof(ValueFacts)));
    facts->types = storage::describe_values(fcinfo);
    TupleDesc descriptor = facts->types.descriptor;
    facts->rows = static_cast<Oid *>(palloc(sizeof(Oid) * (descriptor->natts + 1)));
    for (int i = 0; i < descriptor->natts; i++)
        facts->rows[i] = type_with_rows(TupleDescAttr(descriptor, i)->atttypid);
    fcinfo->flinfo->fn_extra = facts;
    MemoryContextSwitchTo(previous);
    return facts;
}

void append_bytes(StringInfo buffer, const void *bytes, int32 length)
{
    appendBinaryStringInfo(buffer, reinterpret_cast<const char *>(&length), sizeof(length));
    appendBinaryStringInfo(buffer, static_cast<const char *>(bytes), length);
}

void append_value(StringInfo buffer, Datum value, const FormData_pg_attribute &type, Oid rows)
{
    if (type.attbyval) {
        char bytes[sizeof(Datum)] = {};
        store_att_byval(bytes, value, type.attlen);
        append_bytes(buffer, bytes, type.attlen);
    } else if (type.attlen > 0) {
        append_bytes(buffer, DatumGetPointer(value), type.attlen);
    } else if (type.attlen == -2) {
        append_bytes(buffer, DatumGetCString(value), static_cast<int32>(strlen(DatumGetCString(value))));
    } else {
        const Datum plain = OidIsValid(rows) ? storage::plain_rows(value, rows) : value;
        auto *packed = PG_DETOAST_DATUM_PACKED(plain);
        append_bytes(buffer, VARDATA_ANY(packed), static_cast<int32>(VARSIZE_ANY_EXHDR(packed)));
    }
}

text *image_of_values(FunctionCallInfo fcinfo)
{
    const ValueFacts *facts = value_facts(fcinfo);
    Datum values[MaxTupleAttributeNumber];
    bool nulls[MaxTupleAttributeNumber];
    storage::read_values(fcinfo, facts->types, values, nulls);
    StringInfoData buffer;
    initStringInfo(&buffer);
    for (int i = 0; i < facts->types.descriptor->natts; i++) {
        if (nulls[i])
            append_bytes(&buffer, "", 0);
        else
            append_value(&buffer, values[i], *TupleDescAttr(facts->types.descriptor, i), facts->rows[i]);
        appendStringInfoChar(&buffer, nulls[i] ? 'n' : 'v');
    }
    bytea *bytes = static_cast<bytea *>(palloc(VARHDRSZ + buffer.len));
    SET_VARSIZE(bytes, VARHDRSZ + buffer.len);
    memcpy(VARDATA(bytes), buffer.data, buffer.len);
    Datum shown = PointerGetDatum(bytes);
    if (buffer.len > longest_plain)
        shown = DirectFunctionCall1(sha256_bytea, shown);
    return DatumGetTextPP(DirectFunctionCall2(binary_encode, shown, PointerGetDatum(cstring_to_text("hex"))));
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_image)
{
    return pgtrickle::call([=] { return PointerGetDatum(pgtrickle::image_of_values(fcinfo)); });
}

SQL_FUNCTION(pgtrickle_first_one)
{
    return PG_GETARG_DATUM(0);
}
