#include "pg/type_name.hpp"

#include "pg/versions/names.hpp"
#include "pg/walker.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "parser/parse_target.h"
#include "parser/parse_type.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace pgtrickle {

namespace {

/* Returns the OID of the type that a name with or without schema refers to; InvalidOid if PostgreSQL has to
 * look it up. */
Oid type_named(List *names)
{
    char *schema, *type;
    DeconstructQualifiedName(names, &schema, &type);
    Oid schema_oid = schema != nullptr ? get_namespace_oid(schema, true) : PG_CATALOG_NAMESPACE;
    return OidIsValid(schema_oid)
               ? GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, PointerGetDatum(type), ObjectIdGetDatum(schema_oid))
               : InvalidOid;
}

Oid collation_for(const char *name, Oid schema, int32 encoding)
{
    return GetSysCacheOid3(COLLNAMEENCNSP, Anum_pg_collation_oid, PointerGetDatum(name), Int32GetDatum(encoding),
                           ObjectIdGetDatum(schema));
}

bool resolve_node(::Node *node, void *)
{
    if (node == nullptr)
        return false;
    if (IsA(node, TypeName))
        resolve_type(reinterpret_cast<TypeName *>(node));
    return walk_raw(node, resolve_node, nullptr);
}

} // namespace

void resolve_type(TypeName *name)
{
    if (name->names == NIL || name->pct_type)
        return;
    Oid type = type_named(name->names);
    if (OidIsValid(type) && name->arrayBounds != NIL)
        type = get_array_type(type);
    if (!OidIsValid(type))
        return;
    name->typeOid = type;
    name->names = NIL;
    name->arrayBounds = NIL;
}

void resolve_types(IndexStmt *index)
{
    resolve_node(index->whereClause, nullptr);
    ListCell *cell;
    foreach (cell, index->indexParams) {
        auto *element = lfirst_node(IndexElem, cell);
        if (element->expr != nullptr && element->indexcolname == nullptr)
            element->indexcolname = FigureIndexColname(element->expr);
        resolve_node(element->expr, nullptr);
    }
}

NamedType named_type(const char *text)
{
    TypeName *name = parse_type_name(text);
    resolve_type(name);
    NamedType found;
    typenameTypeIdAndMod(nullptr, name, &found.type, &found.typmod);
    return found;
}

Oid named_collation(const char *text)
{
    List *names = parse_qualified_name(text);
    char *schema, *name;
    DeconstructQualifiedName(names, &schema, &name);
    Oid schema_oid = schema != nullptr ? get_namespace_oid(schema, true) : InvalidOid;
    if (!OidIsValid(schema_oid))
        return get_collation_oid(names, false);
    Oid collation = collation_for(name, schema_oid, GetDatabaseEncoding());
    if (!OidIsValid(collation))
        collation = collation_for(name, schema_oid, -1);
    return OidIsValid(collation) ? collation : get_collation_oid(names, false);
}

void lock_names_of_type(Oid type)
{
    for (Oid next = type; OidIsValid(next);) {
        LockDatabaseObject(TypeRelationId, next, 0, RowExclusiveLock);
        if (const Oid columns = get_typ_typrelid(next); OidIsValid(columns))
            LockRelationOid(columns, AccessShareLock);
        const Oid base = getBaseType(next);
        next = base != next ? base : get_element_type(next);
    }
}

} // namespace pgtrickle
