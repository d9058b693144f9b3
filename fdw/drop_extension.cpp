#include "fdw/drop_extension.hpp"

#include "pg/dependencies.hpp"
#include "pg/versions/rights.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "commands/comment.h"
#include "commands/extension.h"
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
    bool is_found = false;
    visit_dependents(NamespaceRelationId, schema, [&](const FormData_pg_depend &) { is_found = true; });
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
