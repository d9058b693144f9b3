#include "capture/permission.hpp"

#include "capture/source/inheritance.hpp"
#include "capture/source/source_kind.hpp"
#include "definition/guc.hpp"
#include "definition/state/extension_table.hpp"
#include "definition/stream_table.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

bool is_stopped(Oid relation)
{
    Relation table = definition::open_extension_table("pgt_stopped_capture", AccessShareLock);
    if (table == nullptr)
        return false;
    ScanKeyData key;
    SysScanDesc scan = definition::begin_scan_by_oid(table, "pgt_stopped_capture_pkey", 1, relation, &key);
    const bool is_found = HeapTupleIsValid(systable_getnext(scan));
    systable_endscan(scan);
    table_close(table, AccessShareLock);
    return is_found;
}

List *relations_checked(Oid source)
{
    if (definition::is_stream_table(source) || definition::is_compared(source))
        return NIL;
    return is_table(source) ? related_relations(source, NoLock) : list_make1_oid(source);
}

bool is_capture_stopped(Oid source)
{
    ListCell *cell;
    foreach (cell, relations_checked(source))
        if (is_stopped(lfirst_oid(cell)))
            return true;
    return false;
}

Denial denial_of(Oid source, Oid role, bool is_captured)
{
    const bool is_asked = guc::capture_privilege == static_cast<int>(guc::CapturePrivilege::trigger);
    List *ancestors = is_captured ? ancestors_of(source) : NIL;
    ListCell *cell;
    foreach (cell, relations_checked(source)) {
        const Oid relation = lfirst_oid(cell);
        if (is_stopped(relation))
            return {relation, true};
        if (is_captured && relation != source && get_rel_relispartition(relation) &&
            !list_member_oid(ancestors, relation))
            continue;
        /* A relation that has been dropped meanwhile does not deny capture. */
        if (is_asked && is_table(relation) && pg_class_aclcheck(relation, role, ACL_TRIGGER) != ACLCHECK_OK)
            return {relation, false};
    }
    return {InvalidOid, false};
}

} // namespace pgtrickle::capture
