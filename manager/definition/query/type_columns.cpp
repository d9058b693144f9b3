/*
 * Follows pg_depend upwards: a column depends on its type; a domain, array or range depends on the type on
 * which it is based; and a composite type is a relation whose columns depend on their types.
 */
#include "definition/query/type_columns.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_type.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle::definition {

namespace {

ObjectAddress *column_of(const FormData_pg_depend *form)
{
    auto *column = static_cast<ObjectAddress *>(palloc(sizeof(ObjectAddress)));
    ObjectAddressSubSet(*column, RelationRelationId, form->objid, form->objsubid);
    return column;
}

/* Adds the columns of `type` itself to `columns`, and the types based on it to `types`. */
void collect_dependents(Oid type, List **columns, List **types)
{
    Relation depend = table_open(DependRelationId, AccessShareLock);
    ScanKeyData keys[2];
    HeapTuple tuple;
    ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(TypeRelationId));
    ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(type));
    SysScanDesc scan = systable_beginscan(depend, DependReferenceIndexId, true, nullptr, 2, keys);
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        auto *form = reinterpret_cast<Form_pg_depend>(GETSTRUCT(tuple));
        if (form->classid == TypeRelationId)
            *types = list_append_unique_oid(*types, form->objid);
        if (form->classid != RelationRelationId || form->objsubid == 0)
            continue;
        *columns = lappend(*columns, column_of(form));
        *types = list_append_unique_oid(*types, get_rel_type_id(form->objid));
    }
    systable_endscan(scan);
    table_close(depend, AccessShareLock);
}

} // namespace

Holders holders_of(Oid type)
{
    Holders found = {NIL, list_make1_oid(type)};
    for (int i = 0; i < list_length(found.types); i++)
        collect_dependents(list_nth_oid(found.types, i), &found.columns, &found.types);
    return found;
}

} // namespace pgtrickle::definition
