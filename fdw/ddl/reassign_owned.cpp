/*
 * The query of a stream table reads as its owner, and the owner of a view, or of a table with policies,
 * determines which rows are read through it. So each relation is processed as after ALTER TABLE … OWNER TO.
 */
#include "fdw/ddl/reassign_owned.hpp"

#include "definition/stream_table.hpp"
#include "fdw/ddl/dependency_changes.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_class.h"
#include "commands/user.h"
#include "nodes/parsenodes.h"
}

namespace pgtrickle {

namespace {

/* Returns the relations of these owners for which the owner may matter. PostgreSQL frame. */
List *relations_of(List *roles)
{
    List *relids = NIL;
    Relation catalog = table_open(RelationRelationId, AccessShareLock);
    SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, nullptr, 0, nullptr);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        auto *form = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
        const bool may_matter =
            form->relkind == RELKIND_FOREIGN_TABLE || form->relkind == RELKIND_VIEW || form->relrowsecurity;
        if (may_matter && list_member_oid(roles, form->relowner))
            relids = lappend_oid(relids, form->oid);
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return relids;
}

} // namespace

void reassign_owned(const UtilityCall &utility)
{
    List *relids = call([&] {
        List *roles = roleSpecsToIds(reinterpret_cast<ReassignOwnedStmt *>(utility.statement())->roles);
        List *found = relations_of(roles);
        utility.run();
        CommandCounterIncrement();
        return found;
    });
    ListCell *cell;
    foreach (cell, relids) {
        const Oid relid = lfirst_oid(cell);
        if (call([=] { return definition::is_stream_table(relid); }))
            follow_owner(relid);
        else
            note_policies(relid);
    }
}

} // namespace pgtrickle
