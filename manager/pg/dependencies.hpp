/*
 * The rows of pg_depend about an object as a whole, or a part of it. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_depend.h"
#include "utils/fmgroids.h"
}

namespace pgtrickle {

/* Calls visit(const FormData_pg_depend &) for each row whose two columns, with which the index begins, have these
 * values. */
template <class Visit>
void visit_dependencies(Oid index, AttrNumber class_column, AttrNumber object_column, Oid class_id, Oid object_id,
                        Visit visit)
{
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], class_column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(class_id));
    ScanKeyInit(&keys[1], object_column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object_id));
    Relation depend = table_open(DependRelationId, AccessShareLock);
    SysScanDesc scan = systable_beginscan(depend, index, true, nullptr, 2, keys);
    while (HeapTuple row = systable_getnext(scan))
        visit(*reinterpret_cast<const FormData_pg_depend *>(GETSTRUCT(row)));
    systable_endscan(scan);
    table_close(depend, AccessShareLock);
}

/* Visits what depends on the object. */
template <class Visit> void visit_dependents(Oid class_id, Oid object_id, Visit visit)
{
    visit_dependencies(DependReferenceIndexId, Anum_pg_depend_refclassid, Anum_pg_depend_refobjid, class_id, object_id,
                       visit);
}

/* Visits what the object depends on. */
template <class Visit> void visit_referenced(Oid class_id, Oid object_id, Visit visit)
{
    visit_dependencies(DependDependerIndexId, Anum_pg_depend_classid, Anum_pg_depend_objid, class_id, object_id, visit);
}

} // namespace pgtrickle
