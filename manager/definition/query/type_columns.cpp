#include "definition/query/type_columns.hpp"

#include "pg/dependencies.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle::definition {

namespace {

ObjectAddress *column_of(const FormData_pg_depend &form)
{
    auto *column = static_cast<ObjectAddress *>(palloc(sizeof(ObjectAddress)));
    ObjectAddressSubSet(*column, RelationRelationId, form.objid, form.objsubid);
    return column;
}

/* Adds the columns of `type` itself to `columns`, and the types based on it to `types`. */
void collect_dependents(Oid type, List **columns, List **types)
{
    visit_dependents(TypeRelationId, type, [=](const FormData_pg_depend &form) {
        if (form.classid == TypeRelationId)
            *types = list_append_unique_oid(*types, form.objid);
        if (form.classid != RelationRelationId || form.objsubid == 0)
            return;
        *columns = lappend(*columns, column_of(form));
        *types = list_append_unique_oid(*types, get_rel_type_id(form.objid));
    });
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
