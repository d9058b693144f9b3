/*
 * PostgreSQL calls this hook for each object that is about to be dropped, one by one. The INTERNAL dependency
 * on the foreign table drops the storage and the internal view; the hook removes the rows of pgt_state and
 * pgt_dependency, and releases the sources' change logs.
 */
#include "fdw/ddl/object_access_hook.hpp"

#include "capture/capture.hpp"
#include "definition/guc.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "fdw/ddl/altered_object.hpp"
#include "fdw/ddl/dependency_changes.hpp"
#include "mailbox/mailbox.hpp"
#include "refresh/batch/holds.hpp"
#include "refresh/program/scope.hpp"
#include "refresh/sets/refresh_groups.hpp"
#include "storage/index_placement.hpp"
#include "storage/layout.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_policy.h"
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

Oid extended_table = InvalidOid; /* see AppendedColumns */

/* If the extension itself is being dropped, the rows of pgt_dependency may be gone already. */
void forget_stream_table(Oid relid)
{
    List *sources = state::sources_of(relid);
    state::remove_dependencies(relid);
    state::remove(relid);
    ListCell *cell;
    foreach (cell, sources)
        capture::release(lfirst_oid(cell));
    mailbox::forget(relid);
    mailbox::note_definition_change();
}

/* Removes the settings of operators for a dropped relation: its holds and its place in a refresh group. */
void forget_settings(Oid relid)
{
    switch (get_rel_relkind(relid)) {
    case RELKIND_RELATION:
    case RELKIND_PARTITIONED_TABLE:
    case RELKIND_FOREIGN_TABLE:
    case RELKIND_MATVIEW:
        if (refresh::forget_holds(relid) | refresh::leave_group(relid))
            mailbox::note_definition_change();
    }
}

/* Only the heap of a stream table may be open, as by a cursor. PostgreSQL would name the heap. */
void check_rows_are_unused(Oid heap)
{
    if (const Oid relid = storage::served_from(heap); OidIsValid(relid))
        storage::check_not_in_use(relid, heap, "drop");
}

/* Refuses a column added through a parent, because it would have no place in the defining query. */
void check_column_of_query(Oid relid)
{
    if (relid == extended_table)
        return;
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("cannot add a column to stream table \"%s\"", get_rel_name(relid)),
                    errdetail("The columns of a stream table are defined by its query."),
                    errhint("Append the column to its query first.")));
}

} // namespace

void handle_object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *)
{
    if (!guc::is_preloaded())
        return;
    if (class_id == PolicyRelationId && (access == OAT_POST_CREATE || access == OAT_POST_ALTER || access == OAT_DROP))
        note_policy(object_id);
    if (access == OAT_POST_CREATE || access == OAT_POST_ALTER)
        note_altered_object(access, class_id, object_id);
    if (class_id != RelationRelationId)
        return;
    if (access == OAT_POST_CREATE && sub_id == 0)
        storage::place_new_index(object_id);
    if (access == OAT_DROP && sub_id == 0) {
        check_rows_are_unused(object_id);
        forget_settings(object_id);
    }
    if (access == OAT_DROP && sub_id > 0)
        note_lost_column(object_id);
    if (access == OAT_DROP && sub_id == 0 && definition::is_stream_table(object_id)) {
        refresh::require_none_running();
        forget_stream_table(object_id);
    } else if (access == OAT_POST_CREATE && sub_id > 0 && definition::is_stream_table(object_id))
        check_column_of_query(object_id);
}

AppendedColumns::AppendedColumns(Oid relid)
{
    extended_table = relid;
}

AppendedColumns::~AppendedColumns()
{
    extended_table = InvalidOid;
}

} // namespace pgtrickle
