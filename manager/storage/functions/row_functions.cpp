/*
 * SQL functions by which a maintenance statement finds a row in an arrangement: the hash that the arrangement
 * stores for the row (identity.hpp), for columns of any type, and the image that distinguishes rows where a
 * type has no equality.
 *
 *   pgtrickle.key_hash(VARIADIC "any")    of a key of layout groups
 *   pgtrickle.image_hash(VARIADIC "any")  of a row of layout rows
 *   pgtrickle.row_image(VARIADIC "any")   equal exactly if the images are
 *
 * PostgreSQL frames: nothing in this file has a destructor.
 */
#include "pg/versions/varlena.hpp"
#include "storage/apply/identity.hpp"

extern "C" {
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "nodes/nodeFuncs.h"

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
    TupleDesc descriptor;
    Identity identity;
};

TupleDesc describe_arguments(FunctionCallInfo fcinfo)
{
    const Node *expression = fcinfo->flinfo->fn_expr;
    if (get_fn_expr_variadic(fcinfo->flinfo) || expression == nullptr || !IsA(expression, FuncExpr))
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("the columns of a row must be given one by one")));
    const List *arguments = reinterpret_cast<const FuncExpr *>(expression)->args;
    TupleDesc descriptor = CreateTemplateTupleDesc(PG_NARGS());
    for (int i = 0; i < PG_NARGS(); i++) {
        Node *argument = static_cast<Node *>(list_nth(arguments, i));
        TupleDescInitEntry(descriptor, static_cast<AttrNumber>(i + 1), nullptr, exprType(argument), -1, 0);
        TupleDescInitEntryCollation(descriptor, static_cast<AttrNumber>(i + 1), exprCollation(argument));
    }
    return descriptor;
}

const RowFacts *row_facts(FunctionCallInfo fcinfo, bool by_image)
{
    auto *known = static_cast<RowFacts *>(fcinfo->flinfo->fn_extra);
    if (known != nullptr)
        return known;
    MemoryContext previous = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
    auto *facts = static_cast<RowFacts *>(palloc0(sizeof(RowFacts)));
    facts->descriptor = describe_arguments(fcinfo);
    int *positions = static_cast<int *>(palloc(sizeof(int) * PG_NARGS()));
    for (int i = 0; i < PG_NARGS(); i++)
        positions[i] = i;
    facts->identity = by_image ? Identity::of_image(facts->descriptor, PG_NARGS())
                               : Identity::of_key(facts->descriptor, positions, PG_NARGS());
    fcinfo->flinfo->fn_extra = facts;
    MemoryContextSwitchTo(previous);
    return facts;
}

int64 hash_of_arguments(FunctionCallInfo fcinfo, bool by_image)
{
    const RowFacts *facts = row_facts(fcinfo, by_image);
    Datum values[FUNC_MAX_ARGS];
    bool nulls[FUNC_MAX_ARGS];
    for (int i = 0; i < PG_NARGS(); i++) {
        values[i] = PG_GETARG_DATUM(i);
        nulls[i] = PG_ARGISNULL(i);
    }
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

bytea *image_of_arguments(FunctionCallInfo fcinfo)
{
    const RowFacts *facts = row_facts(fcinfo, true);
    StringInfoData image;
    initStringInfo(&image);
    appendStringInfoSpaces(&image, VARHDRSZ);
    for (int i = 0; i < PG_NARGS(); i++) {
        Form_pg_attribute attribute = TupleDescAttr(facts->descriptor, i);
        appendStringInfoChar(&image, PG_ARGISNULL(i) ? 'n' : 'v');
        if (!PG_ARGISNULL(i))
            append_image(&image, facts->identity.plain(i, PG_GETARG_DATUM(i)), attribute->attbyval, attribute->attlen);
    }
    auto *result = reinterpret_cast<bytea *>(image.data);
    SET_VARSIZE(result, image.len);
    return result;
}

} // namespace

} // namespace pgtrickle::storage

Datum pgtrickle_key_hash(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT64(pgtrickle::storage::hash_of_arguments(fcinfo, false));
}

Datum pgtrickle_image_hash(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT64(pgtrickle::storage::hash_of_arguments(fcinfo, true));
}

Datum pgtrickle_row_image(PG_FUNCTION_ARGS)
{
    PG_RETURN_BYTEA_P(pgtrickle::storage::image_of_arguments(fcinfo));
}
