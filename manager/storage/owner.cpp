#include "storage/owner.hpp"

#include "pg/dependencies.hpp"
#include "pg/relation_row.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "commands/tablecmds.h"
#include "utils/syscache.h"
}

namespace pgtrickle {

namespace {

/* Returns the relations that depend INTERNALly on relid. */
List *belongings_of(Oid relid)
{
    List *relids = NIL;
    visit_dependents(RelationRelationId, relid, [&](const FormData_pg_depend &form) {
        if (form.classid == RelationRelationId && form.deptype == DEPENDENCY_INTERNAL)
            relids = list_append_unique_oid(relids, form.objid);
    });
    return relids;
}

} // namespace

void give_storage_to_owner(Oid relid)
{
    Oid owner = owner_of_relation(relid);
    ListCell *cell;
    foreach (cell, belongings_of(relid))
        if (owner_of_relation(lfirst_oid(cell)) != owner)
            /* "recursing" omits the checks that were made for the stream table itself. */
            ATExecChangeOwner(lfirst_oid(cell), owner, true, AccessExclusiveLock);
    CommandCounterIncrement();
}

} // namespace pgtrickle
