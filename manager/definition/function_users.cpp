/*
 * A query that uses an operator or an aggregate depends on that, and only that on its functions.
 */
#include "definition/function_users.hpp"

#include "definition/view.hpp"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "utils/fmgroids.h"
}

namespace pgtrickle::definition {

namespace {

List *users_of_what_calls(Oid function)
{
    List *users = NIL;
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(ProcedureRelationId));
    ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(function));
    Relation depend = table_open(DependRelationId, AccessShareLock);
    SysScanDesc scan = systable_beginscan(depend, DependReferenceIndexId, true, nullptr, 2, keys);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        auto *form = reinterpret_cast<Form_pg_depend>(GETSTRUCT(tuple));
        if (form->classid == ProcedureRelationId || form->classid == OperatorRelationId)
            users = list_concat_unique_oid(users, users_of(form->classid, form->objid, 0, false));
    }
    systable_endscan(scan);
    table_close(depend, AccessShareLock);
    return users;
}

} // namespace

List *users_of_function(Oid function)
{
    List *users = list_concat_unique_oid(users_of(ProcedureRelationId, function, 0, false),
                                         users_of_what_calls(function));
    list_sort(users, list_oid_cmp);
    return users;
}

} // namespace pgtrickle::definition
