#include "storage/owner.hpp"

#include "pg/relation_row.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "commands/tablecmds.h"
#include "utils/fmgroids.h"
#include "utils/syscache.h"
}

namespace pgtrickle {

namespace {

/* Returns the relations that depend INTERNALly on relid. */
List *belongings_of(Oid relid)
{
    List *relids = NIL;
    Relation depend = table_open(DependRelationId, AccessShareLock);
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(RelationRelationId));
    ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
    SysScanDesc scan = systable_beginscan(depend, DependReferenceIndexId, true, nullptr, 2, keys);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        auto *form = reinterpret_cast<Form_pg_depend>(GETSTRUCT(tuple));
        if (form->classid == RelationRelationId && form->deptype == DEPENDENCY_INTERNAL)
            relids = list_append_unique_oid(relids, form->objid);
    }
    systable_endscan(scan);
    table_close(depend, AccessShareLock);
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
