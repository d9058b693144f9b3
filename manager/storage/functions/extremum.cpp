/*
 * Aggregates for the states of min and max, which a query would compute in a second pass, over a window.
 *
 *   pgtrickle.extremum(x, is_max)              in full statements: m = max(x) or min(x)
 *   pgtrickle.ties_of_extremum(x, is_max)      count(*) FILTER (WHERE x = m)
 *   pgtrickle.inserted_extremum(x, w, is_max)  in deltas: I = the extremum of the rows with weight w > 0
 *   pgtrickle.inserted_ties(x, w, is_max)      sum(w) FILTER (WHERE x = I), if no row with w < 0 beats I
 *   pgtrickle.retracted_extremum(x, w, is_max) R = the extremum of the rows with w < 0; NULL if I beats R
 *   pgtrickle.retracted_ties(x, w, is_max)     sum(w) FILTER (WHERE x = R), likewise
 *
 * Values are compared by the default btree operator class of their type, like min(x) and max(x) of the types of
 * pg_catalog. `is_max` is a constant. The two of full statements share one state, and combine those of parallel
 * workers; the four of deltas share one state: the extremum of either sign, and the weights of that sign which equal
 * it. If R beats I, the weights of I are not those of the merge (engine/operators/aggregates/group.cpp), which reads
 * R's: a row with R was stored.
 *
 * PostgreSQL frames: nothing in this file has a destructor.
 */
#include "pg/boundary.hpp"
#include "pg/versions/varlena.hpp"

extern "C" {
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/typcache.h"

PGDLLEXPORT Datum pgtrickle_extremum_step(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pgtrickle_extremum_combine(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pgtrickle_extremum_serialize(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pgtrickle_extremum_deserialize(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pgtrickle_extremum_final(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pgtrickle_ties_of_extremum_final(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgtrickle_extremum_step);
PG_FUNCTION_INFO_V1(pgtrickle_extremum_combine);
PG_FUNCTION_INFO_V1(pgtrickle_extremum_serialize);
PG_FUNCTION_INFO_V1(pgtrickle_extremum_deserialize);
PG_FUNCTION_INFO_V1(pgtrickle_extremum_final);
PG_FUNCTION_INFO_V1(pgtrickle_ties_of_extremum_final);
PGDLLEXPORT Datum pgtrickle_collect_changes(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pgtrickle_inserted_extremum(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pgtrickle_inserted_ties(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pgtrickle_retracted_extremum(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pgtrickle_retracted_ties(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pgtrickle_collect_changes);
PG_FUNCTION_INFO_V1(pgtrickle_inserted_extremum);
PG_FUNCTION_INFO_V1(pgtrickle_inserted_ties);
PG_FUNCTION_INFO_V1(pgtrickle_retracted_extremum);
PG_FUNCTION_INFO_V1(pgtrickle_retracted_ties);
}

namespace pgtrickle::storage {

namespace {

/* The transition state, in the memory context of the aggregate. A state without a value is a null pointer. */
struct Extremum {
    TypeCacheEntry *type; /* lives as long as the process */
    Datum value;          /* owned, if the type is passed by reference */
    int64 ties;
    bool is_maximum;
};

Extremum *extremum_at(FunctionCallInfo fcinfo, int argument)
{
    return PG_ARGISNULL(argument) ? nullptr : reinterpret_cast<Extremum *>(PG_GETARG_POINTER(argument));
}

MemoryContext context_of(FunctionCallInfo fcinfo)
{
    MemoryContext context;
    if (!AggCheckCallContext(fcinfo, &context))
        elog(ERROR, "function %u is called outside of its aggregate", fcinfo->flinfo->fn_oid);
    return context;
}

TypeCacheEntry *type_with_order(Oid type)
{
    TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_CMP_PROC_FINFO);
    if (!OidIsValid(entry->cmp_proc_finfo.fn_oid))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                        errmsg("could not identify a comparison function for type %s", format_type_be(type))));
    return entry;
}

Datum copied(const TypeCacheEntry *type, Datum value, MemoryContext context)
{
    MemoryContext previous = MemoryContextSwitchTo(context);
    Datum copy = type->typlen == -1 ? PointerGetDatum(PG_DETOAST_DATUM_COPY(value))
                                    : datumCopy(value, type->typbyval, type->typlen);
    MemoryContextSwitchTo(previous);
    return copy;
}

Extremum *new_extremum(const Extremum &extremum, MemoryContext context)
{
    auto *copy = static_cast<Extremum *>(MemoryContextAlloc(context, sizeof(Extremum)));
    *copy = extremum;
    copy->value = copied(extremum.type, extremum.value, context);
    return copy;
}

/* Adds `ties` values that are equal to `value`. */
void add(Extremum *extremum, Datum value, int64 ties, FunctionCallInfo fcinfo, MemoryContext context)
{
    const int order =
        DatumGetInt32(FunctionCall2Coll(&extremum->type->cmp_proc_finfo, PG_GET_COLLATION(), value, extremum->value));
    if (order == 0) {
        extremum->ties += ties;
    } else if ((order > 0) == extremum->is_maximum) {
        if (!extremum->type->typbyval)
            pfree(DatumGetPointer(extremum->value));
        extremum->value = copied(extremum->type, value, context);
        extremum->ties = ties;
    }
}

/* ---- the change of an extremum ------------------------------------------------------- */

/* The extrema of the values of either sign; without a value yet, the type is a null pointer. `ties` is the sum of the
 * weights of that sign. */
struct Changes {
    Extremum inserted, retracted;
    Oid collation;
};

Changes *changes_of(FunctionCallInfo fcinfo)
{
    return PG_ARGISNULL(0) ? nullptr : reinterpret_cast<Changes *>(PG_GETARG_POINTER(0));
}

void take(Changes *changes, FunctionCallInfo fcinfo, MemoryContext context)
{
    const Datum value = PG_GETARG_DATUM(1);
    const int64 weight = PG_GETARG_INT64(2);
    Extremum *extremum = weight > 0 ? &changes->inserted : &changes->retracted;
    if (extremum->type != nullptr)
        return add(extremum, value, weight, fcinfo, context);
    TypeCacheEntry *type = type_with_order(get_fn_expr_argtype(fcinfo->flinfo, 1));
    *extremum = {type, copied(type, value, context), weight, PG_GETARG_BOOL(3)};
}

/* Positive if the inserted extremum beats the retracted one, 0 if they are equal. Both are there. */
int compare(const Changes *changes)
{
    const Extremum &inserted = changes->inserted;
    const int order = DatumGetInt32(FunctionCall2Coll(&inserted.type->cmp_proc_finfo, changes->collation,
                                                      inserted.value, changes->retracted.value));
    return inserted.is_maximum ? order : -(order > 0) + (order < 0);
}

/* Both set `ties` to the net weight of the value, and return NULL if there is no such extremum. */
const Extremum *inserted_of(const Changes *changes, int64 *ties)
{
    *ties = 0;
    if (changes == nullptr || changes->inserted.type == nullptr)
        return nullptr;
    *ties = changes->inserted.ties;
    if (changes->retracted.type != nullptr && compare(changes) == 0)
        *ties += changes->retracted.ties;
    return &changes->inserted;
}

const Extremum *retracted_of(const Changes *changes, int64 *ties)
{
    *ties = 0;
    if (changes == nullptr || changes->retracted.type == nullptr)
        return nullptr;
    const int order = changes->inserted.type != nullptr ? compare(changes) : -1;
    if (order > 0)
        return nullptr;
    *ties = changes->retracted.ties + (order == 0 ? changes->inserted.ties : 0);
    return &changes->retracted;
}

using Which = const Extremum *(const Changes *, int64 *);

Datum value_of(FunctionCallInfo fcinfo, Which which)
{
    (void)context_of(fcinfo);
    int64 ties;
    const Extremum *extremum = which(changes_of(fcinfo), &ties);
    if (extremum == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_DATUM(extremum->value);
}

Datum ties_of(FunctionCallInfo fcinfo, Which which)
{
    (void)context_of(fcinfo);
    int64 ties;
    (void)which(changes_of(fcinfo), &ties);
    PG_RETURN_INT64(ties);
}

} // namespace

} // namespace pgtrickle::storage

extern "C" Datum pgtrickle_extremum_step(PG_FUNCTION_ARGS)
{
    using namespace pgtrickle::storage;
    MemoryContext context = context_of(fcinfo);
    Extremum *extremum = extremum_at(fcinfo, 0);
    if (!PG_ARGISNULL(1)) {
        const Datum value = PG_GETARG_DATUM(1);
        if (extremum == nullptr)
            extremum = new_extremum(
                {type_with_order(get_fn_expr_argtype(fcinfo->flinfo, 1)), value, 1, PG_GETARG_BOOL(2)}, context);
        else
            add(extremum, value, 1, fcinfo, context);
    }
    if (extremum == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_POINTER(extremum);
}

extern "C" Datum pgtrickle_extremum_combine(PG_FUNCTION_ARGS)
{
    using namespace pgtrickle::storage;
    MemoryContext context = context_of(fcinfo);
    Extremum *extremum = extremum_at(fcinfo, 0);
    const Extremum *other = extremum_at(fcinfo, 1);
    if (other != nullptr && extremum == nullptr)
        extremum = new_extremum(*other, context);
    else if (other != nullptr)
        add(extremum, other->value, other->ties, fcinfo, context);
    if (extremum == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_POINTER(extremum);
}

/* Between processes of one server: the type, the direction, the ties, and the value as datumSerialize() writes it. */
extern "C" Datum pgtrickle_extremum_serialize(PG_FUNCTION_ARGS)
{
    using namespace pgtrickle::storage;
    (void)context_of(fcinfo);
    const Extremum *extremum = extremum_at(fcinfo, 0);
    const TypeCacheEntry *type = extremum->type;
    const Size length = datumEstimateSpace(extremum->value, false, type->typbyval, type->typlen);
    StringInfoData buffer;
    pq_begintypsend(&buffer);
    pq_sendint32(&buffer, type->type_id);
    pq_sendbyte(&buffer, extremum->is_maximum);
    pq_sendint64(&buffer, static_cast<uint64>(extremum->ties));
    enlargeStringInfo(&buffer, static_cast<int>(length));
    char *end = buffer.data + buffer.len;
    datumSerialize(extremum->value, false, type->typbyval, type->typlen, &end);
    buffer.len += static_cast<int>(length);
    PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

extern "C" Datum pgtrickle_extremum_deserialize(PG_FUNCTION_ARGS)
{
    using namespace pgtrickle::storage;
    (void)context_of(fcinfo);
    bytea *bytes = PG_GETARG_BYTEA_PP(0);
    StringInfoData buffer;
    initStringInfo(&buffer);
    appendBinaryStringInfo(&buffer, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
    TypeCacheEntry *type = type_with_order(pq_getmsgint(&buffer, 4));
    const bool is_maximum = pq_getmsgbyte(&buffer) != 0;
    const int64 ties = pq_getmsgint64(&buffer);
    char *rest = buffer.data + buffer.cursor;
    bool is_null;
    const Datum value = datumRestore(&rest, &is_null);
    /* The combine function copies it. */
    PG_RETURN_POINTER(new_extremum({type, value, ties, is_maximum}, CurrentMemoryContext));
}

extern "C" Datum pgtrickle_extremum_final(PG_FUNCTION_ARGS)
{
    (void)pgtrickle::storage::context_of(fcinfo);
    const auto *extremum = pgtrickle::storage::extremum_at(fcinfo, 0);
    if (extremum == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_DATUM(extremum->value);
}

extern "C" Datum pgtrickle_ties_of_extremum_final(PG_FUNCTION_ARGS)
{
    (void)pgtrickle::storage::context_of(fcinfo);
    const auto *extremum = pgtrickle::storage::extremum_at(fcinfo, 0);
    PG_RETURN_INT64(extremum == nullptr ? 0 : extremum->ties);
}

extern "C" Datum pgtrickle_collect_changes(PG_FUNCTION_ARGS)
{
    using namespace pgtrickle::storage;
    MemoryContext context = context_of(fcinfo);
    Changes *changes = changes_of(fcinfo);
    if (!PG_ARGISNULL(1)) {
        if (changes == nullptr) {
            changes = static_cast<Changes *>(MemoryContextAllocZero(context, sizeof(Changes)));
            changes->collation = PG_GET_COLLATION();
        }
        take(changes, fcinfo, context);
    }
    if (changes == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_POINTER(changes);
}

extern "C" Datum pgtrickle_inserted_extremum(PG_FUNCTION_ARGS)
{
    return pgtrickle::storage::value_of(fcinfo, pgtrickle::storage::inserted_of);
}

extern "C" Datum pgtrickle_inserted_ties(PG_FUNCTION_ARGS)
{
    return pgtrickle::storage::ties_of(fcinfo, pgtrickle::storage::inserted_of);
}

extern "C" Datum pgtrickle_retracted_extremum(PG_FUNCTION_ARGS)
{
    return pgtrickle::storage::value_of(fcinfo, pgtrickle::storage::retracted_of);
}

extern "C" Datum pgtrickle_retracted_ties(PG_FUNCTION_ARGS)
{
    return pgtrickle::storage::ties_of(fcinfo, pgtrickle::storage::retracted_of);
}
