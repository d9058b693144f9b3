#include "fdw/ddl/refusals/overloads.hpp"

#include "definition/state/extension_table.hpp"
#include "pg/known_objects.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle {

namespace {

struct Named {
    NameData name;
    Oid schema = InvalidOid;
};

/* Returns the name that the function has got in this command. */
Named named_now(Oid function)
{
    Named found;
    Relation catalog = table_open(ProcedureRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_proc_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(function));
    SysScanDesc scan = systable_beginscan(catalog, ProcedureOidIndexId, true, SnapshotSelf, 1, &key);
    if (HeapTuple row = systable_getnext(scan); HeapTupleIsValid(row)) {
        auto *form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(row));
        found.name = form->proname;
        found.schema = form->pronamespace;
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return found;
}

bool is_name_of_extension(const Named &named)
{
    CatCList *list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(NameStr(named.name)));
    bool is_found = false;
    for (int i = 0; i < list->n_members && !is_found; i++) {
        auto *form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(&list->members[i]->tuple));
        is_found = form->pronamespace == named.schema && is_of_this_extension(form->oid);
    }
    ReleaseSysCacheList(list);
    return is_found;
}

} // namespace

void refuse_overload(ObjectAccessType access, Oid class_id, Oid object_id, int, void *)
{
    if (class_id != ProcedureRelationId || (access != OAT_POST_CREATE && access != OAT_POST_ALTER) || IsBinaryUpgrade)
        return;
    const Oid schema = definition::extension_schema();
    const Oid extension = OidIsValid(schema) ? get_extension_oid("pg_trickle", true) : InvalidOid;
    if (!OidIsValid(extension) || (creating_extension && CurrentExtensionObject == extension))
        return;
    const Named named = named_now(object_id);
    if (named.schema != schema || is_of_this_extension(object_id) || !is_name_of_extension(named))
        return;
    ereport(ERROR, (errcode(ERRCODE_DUPLICATE_FUNCTION),
                    errmsg("cannot overload function pgtrickle.%s() of extension pg_trickle", NameStr(named.name)),
                    errdetail("Refreshes of stream tables call the functions of the extension by name."),
                    errhint("Give the function another name or schema.")));
}

} // namespace pgtrickle
