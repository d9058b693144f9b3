#include "definition/query/rules_and_policies.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_rewrite.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
}

namespace pgtrickle::definition {

namespace {

/* Returns the column `relation` of the row with the OID, in a catalog whose first column is the OID. */
Oid relation_in(Oid catalog, Oid index, Oid oid, AttrNumber relation)
{
    ScanKeyData key;
    ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(oid));
    Relation rows = table_open(catalog, AccessShareLock);
    SysScanDesc scan = systable_beginscan(rows, index, true, SnapshotSelf, 1, &key);
    HeapTuple row = systable_getnext(scan);
    bool is_null;
    const Oid found = HeapTupleIsValid(row)
                          ? DatumGetObjectId(heap_getattr(row, relation, RelationGetDescr(rows), &is_null))
                          : InvalidOid;
    systable_endscan(scan);
    table_close(rows, AccessShareLock);
    return found;
}

} // namespace

Oid relation_of_rule(Oid rule)
{
    return relation_in(RewriteRelationId, RewriteOidIndexId, rule, Anum_pg_rewrite_ev_class);
}

Oid table_of_policy(Oid policy)
{
    return relation_in(PolicyRelationId, PolicyOidIndexId, policy, Anum_pg_policy_polrelid);
}

} // namespace pgtrickle::definition
