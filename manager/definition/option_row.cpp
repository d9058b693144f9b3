#include "definition/option_row.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_foreign_table.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

namespace pgtrickle {

const char *option_of(Oid relid, const char *name, Snapshot snapshot)
{
    Relation catalog = table_open(ForeignTableRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_foreign_table_ftrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
    SysScanDesc scan = systable_beginscan(catalog, ForeignTableRelidIndexId, true, snapshot, 1, &key);
    HeapTuple tuple = systable_getnext(scan);
    bool is_null = true;
    const Datum options = HeapTupleIsValid(tuple) ? heap_getattr(tuple, Anum_pg_foreign_table_ftoptions,
                                                                 RelationGetDescr(catalog), &is_null)
                                                  : Datum{0};
    List *elements = is_null ? NIL : untransformRelOptions(options);
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    ListCell *cell;
    foreach (cell, elements) {
        auto *element = lfirst_node(DefElem, cell);
        if (strcmp(element->defname, name) == 0)
            return defGetString(element);
    }
    return nullptr;
}

void write_option(Oid relid, const char *name, const char *value, DefElemAction action)
{
    Relation catalog = table_open(ForeignTableRelationId, RowExclusiveLock);
    HeapTuple tuple = SearchSysCacheCopy1(FOREIGNTABLEREL, ObjectIdGetDatum(relid));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for foreign table %u", relid);
    bool is_null;
    Datum old_options = SysCacheGetAttr(FOREIGNTABLEREL, tuple, Anum_pg_foreign_table_ftoptions, &is_null);
    DefElem *element = makeDefElem(pstrdup(name), reinterpret_cast<::Node *>(makeString(pstrdup(value))), -1);
    element->defaction = action;
    Datum values[Natts_pg_foreign_table] = {};
    bool nulls[Natts_pg_foreign_table] = {};
    bool replaces[Natts_pg_foreign_table] = {};
    values[Anum_pg_foreign_table_ftoptions - 1] =
        transformGenericOptions(ForeignTableRelationId, old_options, list_make1(element), InvalidOid);
    replaces[Anum_pg_foreign_table_ftoptions - 1] = true;
    HeapTuple changed = heap_modify_tuple(tuple, RelationGetDescr(catalog), values, nulls, replaces);
    CatalogTupleUpdate(catalog, &changed->t_self, changed);
    CacheInvalidateRelcacheByRelid(relid);
    table_close(catalog, RowExclusiveLock);
    CommandCounterIncrement();
}

} // namespace pgtrickle
