/*
 * If the default btree operator class of a type has an `equalimage` function (support function 4) that
 * returns true under the column's collation, equal values of the type have one image. An exception is bpchar, of
 * which 'a' and 'a ' are equal; its function returns true in some minor versions, false in others. Padding to a
 * declared length makes them one image, if equal texts have one. A few types of the system catalogs have no btree
 * operator class and compare their bytes.
 */
#include "pg/equality.hpp"

#include "pg/versions/varlena.hpp"

extern "C" {
#include "access/nbtree.h"
#include "access/stratnum.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
}

namespace pgtrickle {

bool is_equality_identity(Oid type, int32 typmod, Oid collation)
{
    const Oid base = getBaseTypeAndTypmod(type, &typmod);
    if (base == XIDOID || base == CIDOID)
        return true;
    if (base == BPCHAROID && typmod < VARHDRSZ)
        return false;
    if (!OidIsValid(collation) && type_is_collatable(base))
        return false;
    TypeCacheEntry *entry = lookup_type_cache(base == BPCHAROID ? TEXTOID : base, TYPECACHE_BTREE_OPFAMILY);
    if (!OidIsValid(entry->btree_opf))
        return false;
    const Oid vouches =
        get_opfamily_proc(entry->btree_opf, entry->btree_opintype, entry->btree_opintype, BTEQUALIMAGE_PROC);
    return OidIsValid(vouches) &&
           DatumGetBool(OidFunctionCall1Coll(vouches, collation, ObjectIdGetDatum(entry->btree_opintype)));
}

namespace {

/* Returns the type of the parts of which a value of the type consists, unless it is a row or has no parts. */
Oid type_of_parts(Oid type)
{
    switch (get_typtype(type)) {
    case TYPTYPE_RANGE: return get_range_subtype(type);
    case TYPTYPE_MULTIRANGE: return get_multirange_range(type);
    default: return get_element_type(type);
    }
}

} // namespace

Oid type_with_rows(Oid type)
{
    const Oid base = getBaseType(type);
    if (type_is_rowtype(base))
        return base;
    const Oid part = type_of_parts(base);
    return OidIsValid(part) && OidIsValid(type_with_rows(part)) ? base : InvalidOid;
}

namespace {

/* Whether the operator is an equality in the family by which values of the type are compared by default. */
bool is_equality_of(Oid number, Oid type)
{
    TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY | TYPECACHE_HASH_OPFAMILY);
    if (OidIsValid(entry->btree_opf))
        return get_op_opfamily_strategy(number, entry->btree_opf) == BTEqualStrategyNumber;
    return OidIsValid(entry->hash_opf) && get_op_opfamily_strategy(number, entry->hash_opf) == HTEqualStrategyNumber;
}

/* Whether the same values are equal under both collations. Under every deterministic one these are the same bytes. */
bool have_same_equality(Oid one, Oid other)
{
    return one == other || (OidIsValid(one) && OidIsValid(other) && get_collation_isdeterministic(one) &&
                            get_collation_isdeterministic(other));
}

} // namespace

/* Equality is transitive in a family of operators, also across types. The family of dates and times breaks this rule
 * where an operator converts to a time zone, in which two local times may be the same instant. Such an operator is not
 * immutable. */
bool is_own_equality(const OpExpr *test)
{
    if (op_volatile(test->opno) != PROVOLATILE_IMMUTABLE)
        return false;
    ListCell *cell;
    foreach (cell, test->args) {
        const auto *argument = static_cast<const Node *>(lfirst(cell));
        if (!is_equality_of(test->opno, exprType(argument)) ||
            (OidIsValid(test->inputcollid) && !have_same_equality(exprCollation(argument), test->inputcollid)))
            return false;
    }
    return true;
}

bool may_extended_hash_differ(Oid type, Oid collation)
{
    const Oid base = getBaseType(type), element = get_base_element_type(base);
    const Oid hashed = OidIsValid(element) ? getBaseType(element) : base;
    const char kind = get_typtype(hashed);
    if (hashed == RECORDOID || kind == TYPTYPE_COMPOSITE || kind == TYPTYPE_RANGE || kind == TYPTYPE_MULTIRANGE)
        return true;
    return hashed == BPCHAROID && OidIsValid(collation) && !get_collation_isdeterministic(collation);
}

} // namespace pgtrickle
