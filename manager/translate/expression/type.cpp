/*
 * Properties of a column's type that the engine uses.
 *
 * Equality determines how a key is kept: where equal values may differ in image, a group counts its images.
 * The image of a numeric is its value and its scale. Printed comparisons of keys use the operator of the
 * type's own equality: pg_catalog may have another `=` that applies after a cast of the operands (two citexts
 * are compared as text there).
 */
#include "translate/expression/expression.hpp"

#include "pg/equality.hpp"
#include "translate/check/usable_names.hpp"
#include "translate/expression/scale.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
}

#include <algorithm>

namespace pgtrickle::translate {

const char *operator_name(Oid number)
{
    if (!OidIsValid(number))
        return "=";
    HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(number));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for operator %u", number);
    auto *form = reinterpret_cast<Form_pg_operator>(GETSTRUCT(tuple));
    const char *name = pstrdup(NameStr(form->oprname));
    if (form->oprnamespace != PG_CATALOG_NAMESPACE)
        name = psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(form->oprnamespace)), name);
    ReleaseSysCache(tuple);
    return name;
}

namespace {

struct Facts {
    UnusableName unusable;
    const char *type;
    const char *collation;
    engine::TypeKind kind;
    engine::Equality equality;
    const char *equals;
    const char *operand_type;
    bool has_hash;
    bool is_sortable;
    bool is_fixed_length;
    int most_bytes;
    bool is_domain;
    bool has_rows;
};

/* The functions of this namespace are PostgreSQL frames. */

const char *collation_name(Oid collation)
{
    HeapTuple tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for collation %u", collation);
    auto *form = reinterpret_cast<Form_pg_collation>(GETSTRUCT(tuple));
    const char *name = quote_qualified_identifier(get_namespace_name(form->collnamespace), NameStr(form->collname));
    ReleaseSysCache(tuple);
    return name;
}

engine::TypeKind kind_of(Oid type)
{
    switch (type) {
    case INT2OID: return engine::TypeKind::int2;
    case INT4OID: return engine::TypeKind::int4;
    case INT8OID: return engine::TypeKind::int8;
    case NUMERICOID: return engine::TypeKind::numeric;
    case FLOAT4OID: return engine::TypeKind::float4;
    case FLOAT8OID: return engine::TypeKind::float8;
    case MONEYOID: return engine::TypeKind::money;
    case INTERVALOID: return engine::TypeKind::interval;
    default: return engine::TypeKind::other;
    }
}

engine::Equality equality_of(const ValueType &value)
{
    int32 typmod = value.typmod;
    if (getBaseTypeAndTypmod(value.type, &typmod) == NUMERICOID)
        return engine::Equality::scaled;
    return is_equality_identity(value.type, value.typmod, value.collation) ? engine::Equality::image
                                                                           : engine::Equality::none;
}

/* Returns the number of bytes that a value can take; 0 if it is not limited. */
int most_bytes_of(const ValueType &value)
{
    const int length = get_typlen(value.type);
    return length > 0 ? length : std::max(type_maximum_size(value.type, value.typmod), 0);
}

/* Returns the base type of a domain whose operators are for anyenum, which a domain does not match. The parser takes a
 * domain over an array, a range or a row for its base type. */
const char *operand_type_of(Oid type)
{
    const Oid base = getBaseType(type);
    return base != type && type_is_enum(base) ? format_type_extended(base, -1, FORMAT_TYPE_FORCE_QUALIFY) : "";
}

Facts facts_of(const ValueType &value)
{
    Facts facts = {};
    facts.type = format_type_extended(value.type, value.typmod, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
    const bool has_own_collation = OidIsValid(value.collation) && value.collation != get_typcollation(value.type);
    facts.collation = has_own_collation ? collation_name(value.collation) : "";
    if (has_own_collation)
        facts.unusable = unusable_collation(value.collation);
    facts.kind = kind_of(value.type);
    facts.equality = equality_of(value);
    TypeCacheEntry *entry = lookup_type_cache(value.type, TYPECACHE_HASH_PROC | TYPECACHE_EQ_OPR | TYPECACHE_LT_OPR);
    facts.equals = operator_name(entry->eq_opr);
    facts.operand_type = operand_type_of(value.type);
    if (facts.unusable.name == nullptr)
        facts.unusable = unusable_operator(entry->eq_opr);
    facts.is_sortable = OidIsValid(entry->lt_opr);
    facts.has_hash = OidIsValid(entry->hash_proc) && OidIsValid(entry->eq_opr);
    constexpr int short_bytes = 1000; /* of which no value is too long for a btree, as with bit(4) */
    facts.most_bytes = most_bytes_of(value);
    const bool is_short = facts.most_bytes > 0 && facts.most_bytes <= short_bytes;
    facts.is_fixed_length = get_typlen(value.type) > 0 || (!facts.has_hash && is_short);
    facts.is_domain = get_typtype(value.type) == TYPTYPE_DOMAIN;
    facts.has_rows = OidIsValid(type_with_rows(value.type));
    return facts;
}

} // namespace

engine::Column column_of(const ValueType &value, std::string name)
{
    const Facts facts = call([&] { return facts_of(value); });
    if (facts.unusable.name != nullptr)
        refuse_unusable(facts.unusable);
    engine::Column column;
    column.name = std::move(name);
    column.type = facts.type;
    column.collation = facts.collation;
    column.kind = facts.kind;
    column.has_modifier = value.typmod >= 0;
    if (facts.kind == engine::TypeKind::numeric && column.has_modifier)
        column.scale = declared_scale(value.typmod);
    column.equality = facts.equality;
    column.equals = facts.equals;
    column.operand_type = facts.operand_type;
    column.has_hash = facts.has_hash;
    column.is_sortable = facts.is_sortable;
    column.is_fixed_length = facts.is_fixed_length;
    column.most_bytes = facts.most_bytes;
    column.is_domain = facts.is_domain;
    column.has_rows = facts.has_rows;
    return column;
}

} // namespace pgtrickle::translate
