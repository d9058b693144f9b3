/*
 * What the engine must know of a column's type.
 *
 * Equality decides what can be a key. A type whose default btree opclass vouches by its
 * `equalimage` function (support function 4, under the column's collation) has one image
 * for all equal values. Two exceptions: numeric, whose image is the value and its scale;
 * and bpchar without a length, which vouches although 'a' and 'a ' are equal (padding to a
 * declared length makes them one image).
 */
#include "translate/expression.hpp"

extern "C" {
#include "access/nbtree.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
}

namespace pgtrickle::translate {

namespace {

struct Facts {
    const char *type;
    const char *collation;
    engine::Equality equality;
    bool has_hash;
    bool is_fixed_length;
    bool is_domain;
};

/* The functions of this namespace are PostgreSQL frames. */

const char *collation_name(Oid collation)
{
    HeapTuple tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for collation %u", collation);
    auto *form = reinterpret_cast<Form_pg_collation>(GETSTRUCT(tuple));
    const char *name =
        quote_qualified_identifier(get_namespace_name(form->collnamespace), NameStr(form->collname));
    ReleaseSysCache(tuple);
    return name;
}

engine::Equality equality_of(const ValueType &value)
{
    int32 typmod = value.typmod;
    const Oid base = getBaseTypeAndTypmod(value.type, &typmod);
    if (base == NUMERICOID)
        return engine::Equality::scaled;
    if (base == BPCHAROID && typmod < VARHDRSZ)
        return engine::Equality::none;
    if (!OidIsValid(value.collation) && type_is_collatable(base))
        return engine::Equality::none;
    TypeCacheEntry *entry = lookup_type_cache(base, TYPECACHE_BTREE_OPFAMILY);
    if (!OidIsValid(entry->btree_opf))
        return engine::Equality::none;
    const Oid vouches =
        get_opfamily_proc(entry->btree_opf, entry->btree_opintype, entry->btree_opintype, BTEQUALIMAGE_PROC);
    if (!OidIsValid(vouches))
        return engine::Equality::none;
    const Datum answer =
        OidFunctionCall1Coll(vouches, value.collation, ObjectIdGetDatum(entry->btree_opintype));
    return DatumGetBool(answer) ? engine::Equality::image : engine::Equality::none;
}

Facts facts_of(const ValueType &value)
{
    Facts facts;
    facts.type =
        format_type_extended(value.type, value.typmod, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
    const bool has_own_collation =
        OidIsValid(value.collation) && value.collation != get_typcollation(value.type);
    facts.collation = has_own_collation ? collation_name(value.collation) : "";
    facts.equality = equality_of(value);
    TypeCacheEntry *entry = lookup_type_cache(value.type, TYPECACHE_HASH_PROC | TYPECACHE_EQ_OPR);
    facts.has_hash = OidIsValid(entry->hash_proc) && OidIsValid(entry->eq_opr);
    facts.is_fixed_length = get_typlen(value.type) > 0;
    facts.is_domain = get_typtype(value.type) == TYPTYPE_DOMAIN;
    return facts;
}

} // namespace

engine::Column column_of(const ValueType &value, std::string name)
{
    const Facts facts = call([&] { return facts_of(value); });
    engine::Column column;
    column.name = std::move(name);
    column.type = facts.type;
    column.collation = facts.collation;
    column.equality = facts.equality;
    column.has_hash = facts.has_hash;
    column.is_fixed_length = facts.is_fixed_length;
    column.is_domain = facts.is_domain;
    return column;
}

} // namespace pgtrickle::translate
