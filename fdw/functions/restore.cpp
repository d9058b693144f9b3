/*
 * The trigger of pgt_restored, whose rows are in the data section of a dump. A row says that the data of the
 * database is being restored, which the definition alone, in an earlier section, does not. So it begins the
 * restoring of the stream table in this session, and if the stream table has been filled since it was created,
 * from sources that were still empty, it is filled again after the restore.
 *
 * The heaps are moved as the current user, as a dump places a table. An index is created with the rights of the stream
 * table's owner, in a security-restricted operation, and only if the current user has the rights of the owner too.
 */
#include "definition/restoring.hpp"
#include "definition/state/extension_table.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "fdw/definition/redefinition.hpp"
#include "fdw/functions/restored_storage.hpp"
#include "mailbox/mailbox.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/varlena.h"
}

namespace pgtrickle {

namespace {

enum RestoredColumn : AttrNumber { restored_name = 1, restored_indexes, restored_tablespace };

/* The functions from here on are PostgreSQL frames, until restore(). */

struct RestoredRow {
    Oid relid; /* or InvalidOid */
    const char *indexes;
    const char *tablespace; /* or null */
};

Datum required_value(const TriggerData *data, RestoredColumn column)
{
    bool is_null;
    Datum value = heap_getattr(data->tg_trigtuple, column, RelationGetDescr(data->tg_relation), &is_null);
    if (is_null)
        ereport(ERROR, (errcode(ERRCODE_NOT_NULL_VIOLATION), errmsg("null value in a row of pgtrickle.pgt_restored")));
    return value;
}

const char *tablespace_in(const TriggerData *data)
{
    bool is_null;
    Datum value = heap_getattr(data->tg_trigtuple, restored_tablespace, RelationGetDescr(data->tg_relation), &is_null);
    return is_null ? nullptr : TextDatumGetCString(value);
}

/* Returns the stream table. With a WARNING, which contains its indexes and tablespace, returns InvalidOid for one that
 * has not been restored, so that the restore goes on as after any other relation that failed. pg_dump puts one that
 * reads what depends on a primary key behind the data. */
Oid stream_table_named(text *name, const char *indexes, const char *tablespace)
{
    const Oid relid = RangeVarGetRelid(makeRangeVarFromNameList(textToQualifiedNameList(name)), NoLock, true);
    if (OidIsValid(relid) && definition::is_stream_table(relid))
        return relid;
    ereport(WARNING,
            (errcode(ERRCODE_UNDEFINED_TABLE),
             errmsg("stream table \"%s\" does not exist, so its indexes are not restored", text_to_cstring(name)),
             tablespace != nullptr ? errdetail("Its tablespace is \"%s\", and its indexes are %s.", tablespace, indexes)
             : strcmp(indexes, "[]") != 0 ? errdetail("Its indexes are %s.", indexes)
                                          : 0,
             errhint("If it is restored later, create them then.")));
    return InvalidOid;
}

RestoredRow row_of(FunctionCallInfo fcinfo)
{
    if (!CALLED_AS_TRIGGER(fcinfo))
        elog(ERROR, "not called as a trigger");
    const auto *data = reinterpret_cast<TriggerData *>(fcinfo->context);
    RestoredRow row = {};
    row.indexes = JsonbToCString(nullptr, &DatumGetJsonbP(required_value(data, restored_indexes))->root, -1);
    row.tablespace = tablespace_in(data);
    row.relid = stream_table_named(DatumGetTextPP(required_value(data, restored_name)), row.indexes, row.tablespace);
    return row;
}

/* Whether the row says of the storage only that it is empty. */
bool is_plain(const RestoredRow &row)
{
    return row.tablespace == nullptr && strcmp(row.indexes, "[]") == 0;
}

/* Returns true if the stream table had been filled. It is unpopulated then, and its heaps have to be replaced. A lock
 * that nothing else needs is released, because all rows are restored in one transaction: fills that lock the stream
 * table later see that it is being restored. */
bool begin(const RestoredRow &row)
{
    const Oid relid = row.relid;
    definition::require_owner(relid);
    definition::begin_restoring(relid, definition::Restored::data);
    LockRelationOid(relid, AccessExclusiveLock);
    definition::require_owner(relid); /* the owner may have changed in the meantime */
    const state::VisibleRow known = state::visible_row(relid);
    if (known.status == state::Status::suspended) { /* by fills from empty sources, as a dump has no suspension */
        (void)state::set_suspended(relid, false);
        mailbox::note_state(relid, {known.is_populated, false, false});
    } else if (!known.is_populated && is_plain(row)) {
        UnlockRelationOid(relid, AccessExclusiveLock);
    }
    if (!known.is_populated)
        return false;
    (void)definition::remove_rows_of("pgt_watermark_taken", 1, relid);
    state::set_unpopulated(relid);
    return true;
}

void restore(FunctionCallInfo fcinfo)
{
    const RestoredRow row = call([=] { return row_of(fcinfo); });
    if (!OidIsValid(row.relid))
        return;
    if (call([&] { return begin(row); }))
        define_restored(row.relid);
    mailbox::note_definition_change();
    if (row.tablespace != nullptr)
        restore_tablespace(row.relid, row.tablespace, GetUserId());
    if (!is_plain(row))
        restore_indexes(row.relid, row.indexes, GetUserId());
}

} // namespace

} // namespace pgtrickle

/* Returns no row, so that none is stored. */
SQL_FUNCTION(pgtrickle_restore)
{
    pgtrickle::restore(fcinfo);
    return PointerGetDatum(nullptr);
}
