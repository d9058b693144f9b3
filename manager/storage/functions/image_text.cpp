/*
 * The image of some values as a text: the hexadecimal digits of their bytes, each value with its length, or,
 * if these are many, the digits of their SHA-256 digest.
 */
#include "pg/boundary.hpp"
#include "pg/versions/varlena.hpp"
#include "storage/apply/plain_rows.hpp"

extern "C" {
#include "access/tupmacs.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

constexpr int longest_plain = 40;

struct ArgumentType {
    int16 length;
    bool is_by_value;
    Oid rows; /* type_with_rows() */
};

/* All functions of this file but its SQL functions are PostgreSQL frames. */

/* Returns the argument types of the call, looked up once. */
const ArgumentType *argument_types(FunctionCallInfo fcinfo)
{
    if (fcinfo->flinfo->fn_extra != nullptr)
        return static_cast<ArgumentType *>(fcinfo->flinfo->fn_extra);
    auto *types = static_cast<ArgumentType *>(
        MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(ArgumentType) * (PG_NARGS() + 1)));
    for (int i = 0; i < PG_NARGS(); i++) {
        const Oid type = get_fn_expr_argtype(fcinfo->flinfo, i);
        get_typlenbyval(type, &types[i].length, &types[i].is_by_value);
        types[i].rows = storage::type_with_rows(type);
    }
    fcinfo->flinfo->fn_extra = types;
    return types;
}

void append_bytes(StringInfo buffer, const void *bytes, int32 length)
{
    appendBinaryStringInfo(buffer, reinterpret_cast<const char *>(&length), sizeof(length));
    appendBinaryStringInfo(buffer, static_cast<const char *>(bytes), length);
}

void append_value(StringInfo buffer, Datum value, const ArgumentType &type)
{
    if (type.is_by_value) {
        char bytes[sizeof(Datum)] = {};
        store_att_byval(bytes, value, type.length);
        append_bytes(buffer, bytes, type.length);
    } else if (type.length > 0) {
        append_bytes(buffer, DatumGetPointer(value), type.length);
    } else if (type.length == -2) {
        append_bytes(buffer, DatumGetCString(value), static_cast<int32>(strlen(DatumGetCString(value))));
    } else {
        const Datum plain = OidIsValid(type.rows) ? storage::plain_rows(value, type.rows) : value;
        auto *packed = PG_DETOAST_DATUM_PACKED(plain);
        append_bytes(buffer, VARDATA_ANY(packed), static_cast<int32>(VARSIZE_ANY_EXHDR(packed)));
    }
}

text *image_of_arguments(FunctionCallInfo fcinfo)
{
    const ArgumentType *types = argument_types(fcinfo);
    StringInfoData buffer;
    initStringInfo(&buffer);
    for (int i = 0; i < PG_NARGS(); i++) {
        if (PG_ARGISNULL(i))
            append_bytes(&buffer, "", 0);
        else
            append_value(&buffer, PG_GETARG_DATUM(i), types[i]);
        appendStringInfoChar(&buffer, PG_ARGISNULL(i) ? 'n' : 'v');
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
    return pgtrickle::call([=] { return PointerGetDatum(pgtrickle::image_of_arguments(fcinfo)); });
}

SQL_FUNCTION(pgtrickle_first_one)
{
    return PG_GETARG_DATUM(0);
}
