/*
 * Aggregates for the states of min and max, which a query would compute in a second pass, over a window.
 *
 *   pgtrickle.extremum(x, is_max)              in full statements: m = max(x) or min(x)
 *   pgtrickle.ties_of_extremum(x, is_max)      count(*) FILTER (WHERE x = m)
 *   pgtrickle.inserted_extremum(x, w, is_max)  in deltas: m = the extremum of the rows with weight w > 0
 *   pgtrickle.inserted_ties(x, w, is_max)      sum(w) FILTER (WHERE x = m); 0 if there is no m
 *   pgtrickle.retracted_extremum(x, w, is_max), retracted_ties(x, w, is_max)   likewise for the rows with w < 0
 *
 * Values are compared by the default btree operator class of their type, like min(x) and max(x) of the types of
 * pg_catalog. `is_max` is a constant. The two of full statements share one state, and combine those of parallel
 * workers; the four of deltas share one state, which collects the rows of a group and sums them when it is first
 * asked.
 *
 * PostgreSQL frames: nothing in this file has a destructor.
 */
#include "pg/boundary.hpp"
#include "pg/versions/varlena.hpp"

#include <algorithm>

extern "C" {
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
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

struct ChangedValue {
    Datum value; /* owned, if the type is passed by reference */
    int64 weight;
};

/* The extremum of the rows of one sign, and the sum of the weights of all rows that equal it. */
struct ChangedExtremum {
    bool is_found;
    Datum value;
    int64 net;
};

struct Changes {
    TypeCacheEntry *type;
    Oid collation;
    bool is_maximum;
    ChangedValue *values;
    int64 count, room;
    bool is_summed;
    ChangedExtremum inserted, retracted;
};

constexpr int64 first_room = 16;

Changes *changes_of(FunctionCallInfo fcinfo)
{
    return PG_ARGISNULL(0) ? nullptr : reinterpret_cast<Changes *>(PG_GETARG_POINTER(0));
}

int compare(const Changes *changes, Datum a, Datum b)
{
    const int order = DatumGetInt32(FunctionCall2Coll(&changes->type->cmp_proc_finfo, changes->collation, a, b));
    return changes->is_maximum ? order : -(order > 0) + (order < 0);
}

extern "C" int compare_changed_values(const void *a, const void *b, void *changes)
{
    CHECK_FOR_INTERRUPTS();
    return compare(static_cast<const Changes *>(changes), static_cast<const ChangedValue *>(a)->value,
                   static_cast<const ChangedValue *>(b)->value);
}

/* Returns the end of the values that equal the one at `first`. The values are sorted. */
int64 end_of_equal_values(const Changes *changes, int64 first)
{
    int64 end = first + 1;
    while (end < changes->count && compare(changes, changes->values[first].value, changes->values[end].value) == 0)
        end++;
    return end;
}

void drop_value(const Changes *changes, const ChangedValue &changed)
{
    if (!changes->type->typbyval)
        pfree(DatumGetPointer(changed.value));
}

/* Sums equal values of one sign into the first of them, at the beginning of the array; returns how many are left. */
int64 sum_equal_values(Changes *changes, int64 first, int64 end, int64 kept)
{
    int64 positive = -1, negative = -1;
    for (int64 i = first; i < end; i++) {
        int64 &place = changes->values[i].weight > 0 ? positive : negative;
        if (place >= 0) {
            changes->values[place].weight += changes->values[i].weight;
            drop_value(changes, changes->values[i]);
        } else {
            place = kept++;
            changes->values[place] = changes->values[i];
        }
    }
    return kept;
}

/* Sorts the values from the one that is beaten by all others to the extremum, sums equal ones of one sign, and drops
 * those that the extremum I of positive weight beats. None of these decides the merge: either I beats the stored
 * extremum, or it is I, or it beats I. */
void compact(Changes *changes)
{
    qsort_arg(changes->values, changes->count, sizeof(ChangedValue), compare_changed_values, changes);
    int64 kept = 0, last_inserted = -1;
    for (int64 first = 0; first < changes->count;) {
        const int64 end = end_of_equal_values(changes, first), before = kept;
        kept = sum_equal_values(changes, first, end, kept);
        for (int64 i = before; i < kept; i++)
            if (changes->values[i].weight > 0)
                last_inserted = before;
        first = end;
    }
    for (int64 i = 0; i < last_inserted; i++)
        drop_value(changes, changes->values[i]);
    if (last_inserted > 0)
        memmove(changes->values, changes->values + last_inserted, sizeof(ChangedValue) * (kept - last_inserted));
    changes->count = kept - std::max<int64>(last_inserted, 0);
}

void make_room(Changes *changes, MemoryContext context)
{
    if (changes->room > 0)
        compact(changes);
    if (changes->count * 2 <= changes->room && changes->room > 0)
        return;
    changes->room = std::max(changes->room * 2, first_room);
    const Size bytes = sizeof(ChangedValue) * static_cast<Size>(changes->room);
    changes->values = static_cast<ChangedValue *>(changes->values == nullptr ? MemoryContextAllocHuge(context, bytes)
                                                                             : repalloc_huge(changes->values, bytes));
}

void collect(Changes *changes, Datum value, int64 weight, MemoryContext context)
{
    if (changes->count == changes->room)
        make_room(changes, context);
    changes->values[changes->count++] = {copied(changes->type, value, context), weight};
}

/* Takes into account the values from `first` to `end`, which are equal; the extremum comes last. */
void note_equal_values(Changes *changes, int64 first, int64 end)
{
    int64 net = 0;
    for (int64 i = first; i < end; i++)
        net += changes->values[i].weight;
    for (int64 i = first; i < end; i++) {
        if (changes->values[i].weight > 0)
            changes->inserted = {true, changes->values[i].value, net};
        else if (changes->values[i].weight < 0)
            changes->retracted = {true, changes->values[i].value, net};
    }
}

void sum(Changes *changes)
{
    if (changes->is_summed)
        return;
    compact(changes);
    for (int64 first = 0; first < changes->count;) {
        const int64 end = end_of_equal_values(changes, first);
        note_equal_values(changes, first, end);
        first = end;
    }
    changes->is_summed = true;
}

const ChangedExtremum *extremum_of(FunctionCallInfo fcinfo, ChangedExtremum Changes::*which)
{
    (void)context_of(fcinfo);
    Changes *changes = changes_of(fcinfo);
    if (changes == nullptr)
        return nullptr;
    sum(changes);
    return &(changes->*which);
}

Datum value_of(FunctionCallInfo fcinfo, ChangedExtremum Changes::*which)
{
    const ChangedExtremum *extremum = extremum_of(fcinfo, which);
    if (extremum == nullptr || !extremum->is_found)
        PG_RETURN_NULL();
    PG_RETURN_DATUM(extremum->value);
}

Datum net_of(FunctionCallInfo fcinfo, ChangedExtremum Changes::*which)
{
    const ChangedExtremum *extremum = extremum_of(fcinfo, which);
    PG_RETURN_INT64(extremum == nullptr ? 0 : extremum->net);
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
    if (changes == nullptr && !PG_ARGISNULL(1)) {
        changes = static_cast<Changes *>(MemoryContextAllocZero(context, sizeof(Changes)));
        changes->type = type_with_order(get_fn_expr_argtype(fcinfo->flinfo, 1));
        changes->collation = PG_GET_COLLATION();
        changes->is_maximum = PG_GETARG_BOOL(3);
    }
    if (!PG_ARGISNULL(1))
        collect(changes, PG_GETARG_DATUM(1), PG_GETARG_INT64(2), context);
    if (changes == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_POINTER(changes);
}

extern "C" Datum pgtrickle_inserted_extremum(PG_FUNCTION_ARGS)
{
    return pgtrickle::storage::value_of(fcinfo, &pgtrickle::storage::Changes::inserted);
}

extern "C" Datum pgtrickle_inserted_ties(PG_FUNCTION_ARGS)
{
    return pgtrickle::storage::net_of(fcinfo, &pgtrickle::storage::Changes::inserted);
}

extern "C" Datum pgtrickle_retracted_extremum(PG_FUNCTION_ARGS)
{
    return pgtrickle::storage::value_of(fcinfo, &pgtrickle::storage::Changes::retracted);
}

extern "C" Datum pgtrickle_retracted_ties(PG_FUNCTION_ARGS)
{
    return pgtrickle::storage::net_of(fcinfo, &pgtrickle::storage::Changes::retracted);
}
