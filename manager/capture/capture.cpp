/*
 * Beginning and ending the capture of a source.
 *
 * The order prevents missed changes: the lock on the source waits for every writer, and a later writer sees
 * triggers and format, because it processes the invalidations when it takes its own lock. A change that is
 * not in the log is therefore visible to any snapshot taken after that.
 */
#include "capture/capture.hpp"

#include "capture/ddl/source_ddl.hpp"
#include "capture/log/chunk.hpp"
#include "capture/log/log.hpp"
#include "capture/log/log_format.hpp"
#include "capture/log/log_state.hpp"
#include "capture/log/marker.hpp"
#include "capture/log/segment.hpp"
#include "capture/source/inheritance.hpp"
#include "capture/source/source_kind.hpp"
#include "capture/source/unlogged_sentinel.hpp"
#include "capture/triggers/intact_triggers.hpp"
#include "capture/triggers/open_statement.hpp"
#include "capture/triggers/trigger_setup.hpp"
#include "definition/lock_right.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"

extern "C" {
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/dbcommands.h"
#include "commands/tablecmds.h"
#include "storage/lmgr.h"
#include "utils/catcache.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

/* Whether other stream tables may read the log of a source. A single dependent is the stream table for which capture
 * begins, or has found the damage itself; one that this transaction does not see may be any. A commit shows its
 * dependents before it releases its claim: they are looked for afterwards, under a new snapshot. */
bool may_be_read_by_others(Oid source, bool is_for_others)
{
    return is_for_others || is_claimed_by_others(source) || list_length(state::log_dependents_of(source)) > 1;
}

} // namespace

namespace {

void capture(Oid source, const AttrNumber *columns, int column_count, bool is_for_others)
{
    if (definition::is_stream_table(source)) {
        LockRelationOid(source, ShareRowExclusiveLock);
        lock_capture(source);
        ensure_log(source, columns, column_count);
        return;
    }
    if (definition::is_compared(source))
        return;
    List *levels = related_relations(source, ShareRowExclusiveLock);
    lock_capture(source);
    const char *reason = refusal(source);
    if (reason != nullptr)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("changes of \"%s\" cannot be captured", get_rel_name(source)),
                        errdetail("The reason is that %s.", reason)));
    ListCell *cell;
    foreach (cell, levels) {
        Relation relation = relation_open(lfirst_oid(cell), NoLock);
        CheckTableNotInUse(relation, "capture changes of");
        relation_close(relation, NoLock);
    }
    const char *damage = is_logged(source) ? damage_of(source) : nullptr;
    /* The log comes first: its format decides which triggers are needed. */
    const bool is_begun = ensure_log(source, columns, column_count);
    begin_own_work();
    foreach (cell, levels)
        if (is_table(lfirst_oid(cell)))
            install_triggers(lfirst_oid(cell));
    end_own_work();
    insert_sentinel(source);
    if (damage != nullptr)
        write_marker(source, damage);
    else if (is_begun && may_be_read_by_others(source, is_for_others))
        mark_own(source, was_not_logged); /* the logs of its ancestors were written */
    CommandCounterIncrement();
}

bool logs_columns(const SourceRow &row, const AttrNumber *columns, int column_count)
{
    const Format *format = find_format(row.relid, row.version);
    for (int i = 0; format != nullptr && i < column_count; i++) {
        bool is_logged_column = false;
        for (int j = 0; j < format->column_count; j++)
            is_logged_column = is_logged_column || format->attnums[j] == columns[i];
        if (!is_logged_column)
            return false;
    }
    return format != nullptr && fits(row.relid, format);
}

} // namespace

void ensure_captured(Oid source, const AttrNumber *columns, int column_count)
{
    capture(source, columns, column_count, false);
}

void ensure_captured_for_others(Oid source, const AttrNumber *columns, int column_count)
{
    capture(source, columns, column_count, true);
}

bool is_captured_with(Oid source, const AttrNumber *columns, int column_count)
{
    SourceRow row;
    if (!find_source(source, &row) || !row.is_active)
        return false;
    return logs_columns(row, columns, column_count) && damage_of(source) == nullptr;
}

bool is_captured_under(Oid source, const AttrNumber *columns, int column_count, Snapshot snapshot)
{
    SourceRow row;
    if (definition::is_compared(source))
        return true;
    if (!find_captured(source, snapshot, &row) || !logs_columns(row, columns, column_count))
        return false;
    ListCell *cell;
    foreach (cell, is_table(source) ? triggers_of(source, snapshot) : NIL) {
        const auto *trigger = static_cast<TriggerStatus *>(lfirst(cell));
        if (!trigger->is_there || !trigger->fires_always)
            return false;
    }
    return true;
}

void release(Oid source)
{
    SourceRow row;
    /* The locks below are held to the end of the transaction and keep the log from being trimmed, so they are
     * not taken for a source that has dependents. */
    if (!OidIsValid(source_table()) || state::has_log_dependents(source))
        return;
    /* The source is left to trim() if this transaction may not block changes of its capture, or if another
     * transaction adds or drops a dependent. */
    if (!definition::may_stop_capture_changes(source) || !lock_capture_if_free(source) || !lock_unclaimed(source) ||
        state::has_log_dependents(source) || !find_source(source, &row) || !row.is_active)
        return;
    row.is_active = false;
    update_source(&row, {s_active});
    invalidate_targets(source);
}

bool stop(Oid source)
{
    SourceRow row;
    lock_capture(source);
    if (!find_source(source, &row) || !row.is_active)
        return false;
    row.is_active = false;
    update_source(&row, {s_active});
    invalidate_targets(source);
    return true;
}

const char *damage_of(Oid source)
{
    SourceRow row;
    if (definition::is_compared(source))
        return nullptr;
    if (!find_source(source, &row) || !row.is_active)
        return was_not_logged;
    if (definition::is_stream_table(source))
        return nullptr;
    if (!lock_with_all_triggers(source))
        return "its capture triggers were missing or disabled";
    return is_sentinel_missing(row, nullptr) ? emptied_by_a_crash : nullptr;
}

void unlock_inheritance_tree(Oid source)
{
    if (is_table(source))
        unlock_tree(source, ShareLock);
}

} // namespace pgtrickle::capture
