#include "fdw/drop_extension.hpp"

#include "pg/versions/rights.hpp"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_namespace.h"
#include "commands/comment.h"
#include "commands/extension.h"
#include "utils/fmgroids.h"
}

namespace pgtrickle {

namespace {

const char *const comment_of_schema = "functions and views of stream tables"; /* 00_extension.sql */

bool names_extension(const DropStmt *statement)
{
    ListCell *cell;
    foreach (cell, statement->objects)
        if (strcmp(strVal(lfirst(cell)), "pg_trickle") == 0)
            return true;
    return false;
}

bool is_referred_to(Oid schema)
{
    Relation depend = table_open(DependRelationId, AccessShareLock);
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(NamespaceRelationId));
    ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(schema));
    SysScanDesc scan = systable_beginscan(depend, DependReferenceIndexId, true, nullptr, 2, keys);
    const bool is_found = HeapTupleIsValid(systable_getnext(scan));
    systable_endscan(scan);
    table_close(depend, AccessShareLock);
    return is_found;
}

} // namespace

void drop_schema_of_extension(const UtilityCall &call)
{
    const auto *statement = castNode(DropStmt, call.statement());
    const bool is_concerned = statement->removeType == OBJECT_EXTENSION && names_extension(statement) &&
                              OidIsValid(get_extension_oid("pg_trickle", true));
    call.run();
    if (!is_concerned)
        return;
    CommandCounterIncrement();
    const Oid schema = get_namespace_oid("pgtrickle", true);
    if (!OidIsValid(schema) || OidIsValid(get_extension_oid("pg_trickle", true)) || !owns_schema(schema) ||
        is_referred_to(schema))
        return;
    const char *comment = GetComment(schema, NamespaceRelationId, 0);
    if (comment == nullptr || strcmp(comment, comment_of_schema) != 0)
        return;
    ObjectAddress address;
    ObjectAddressSet(address, NamespaceRelationId, schema);
    performDeletion(&address, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
}

} // namespace pgtrickle
