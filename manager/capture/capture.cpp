/*
 * Beginning and ending to capture a source.
 *
 * The order is what keeps changes from being missed: the lock on the source waits out every
 * writer; a writer that comes after it sees triggers and format, because taking its own lock
 * makes it read the invalidations; so what is not in the log is in any snapshot taken after.
 */
#include "capture/capture.hpp"

#include "capture/log/chunk.hpp"
#include "capture/triggers/trigger_setup.hpp"
#include "capture/log/log.hpp"
#include "capture/triggers/merge_command.hpp"
#include "capture/triggers/open_statement.hpp"
#include "capture/log/segment.hpp"
#include "capture/source/unlogged_sentinel.hpp"
#include "capture/ddl/source_ddl.hpp"
#include "definition/definition.hpp"
#include "definition/lock_right.hpp"
#include "definition/state/state.hpp"

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
#include "utils/lsyscache.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

/* Why the statements on one relation of the source's tree cannot be captured. */
const char *refusal_of_level(Relation relation)
{
    switch (relation->rd_rel->relkind) {
    case RELKIND_RELATION:
    case RELKIND_PARTITIONED_TABLE:
    case RELKIND_MATVIEW:
        break;
    case RELKIND_FOREIGN_TABLE:
        return "it is a foreign table";
    case RELKIND_VIEW:
        return "it is a view";
    default:
        return "it is not a table";
    }
    if (IsCatalogRelation(relation))
        return "it is a system catalog";
    if (relation->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
        return "it is a temporary table";
    return nullptr;
}

/* Ascending union of two ascending lists. */
int unite(const AttrNumber *a, int a_count, const AttrNumber *b, int b_count, AttrNumber *out)
{
    int n = 0, i = 0, j = 0;
    while (i < a_count || j < b_count) {
        AttrNumber next = j >= b_count || (i < a_count && a[i] <= b[j]) ? a[i] : b[j];
        i += i < a_count && a[i] == next;
        j += j < b_count && b[j] == next;
        out[n++] = next;
    }
    return n;
}

/* Whether the columns are still there and as the format has them. */
bool fits(Oid relid, const Format *format)
{
    Relation relation = relation_open(relid, AccessShareLock);
    const TupleDesc desc = RelationGetDescr(relation);
    bool answer = true;
    for (int i = 0; i < format->column_count; i++) {
        const FormData_pg_attribute *att = column_numbered(desc, format->attnums[i]);
        answer = answer && att != nullptr && att->atttypid == format->types[i];
    }
    relation_close(relation, NoLock);
    return answer;
}

/* The columns of the format that are still there. */
int living_columns(Oid relid, const Format *format, AttrNumber *out)
{
    Relation relation = relation_open(relid, AccessShareLock);
    int n = 0;
    for (int i = 0; i < format->column_count; i++)
        if (column_numbered(RelationGetDescr(relation), format->attnums[i]) != nullptr)
            out[n++] = format->attnums[i];
    relation_close(relation, NoLock);
    return n;
}

/* Gives the source a log whose current format has at least these columns. Returns whether changes were not logged before. */
bool ensure_log(Oid source, const AttrNumber *columns, int column_count)
{
    SourceRow row;
    bool is_begun = true;
    if (!find_source(source, &row)) {
        remove_source(source);
        row = {source, {}, 0, 1, true, 0};
        create_segments(source, &row);
        insert_format(source, 1, columns, column_count);
        insert_source(&row);
    } else {
        Format *format = find_format(source, row.version);
        if (format == nullptr)
            elog(ERROR, "change log of relation %u has no format %d", source, row.version);
        auto *living = static_cast<AttrNumber *>(palloc(sizeof(AttrNumber) * (format->column_count + 1)));
        auto *all = static_cast<AttrNumber *>(palloc(sizeof(AttrNumber) * (format->column_count + column_count + 1)));
        /* Nobody has read the log while it was inactive: the old columns are not needed. */
        int living_count = row.is_active ? living_columns(source, format, living) : 0;
        int count = unite(living, living_count, columns, column_count, all);
        bool is_same = count == format->column_count && memcmp(all, format->attnums, sizeof(AttrNumber) * count) == 0 &&
                       fits(source, format);
        if (!is_same) {
            if (row.version == PG_INT16_MAX)
                ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                                errmsg("change log of \"%s\" has had too many formats", get_rel_name(source))));
            row.version++;
            insert_format(source, row.version, all, count);
        }
        is_begun = !row.is_active;
        if (!is_same || is_begun) {
            row.is_active = true;
            update_source(&row);
        }
    }
    lock_segments(&row, AccessShareLock);
    invalidate_targets(source);
    return is_begun;
}

constexpr const char *was_not_logged = "its changes were not captured for a while";

/* Why those who read the log of a source that is captured already must not go on from it. One that reads it alone is new, or
 * has found out by itself. */
const char *damage_to_others(Oid source, bool is_begun, bool is_for_others)
{
    return is_begun && list_length(state::log_readers_of(source)) > (is_for_others ? 0 : 1) ? was_not_logged : nullptr;
}

} // namespace

bool is_compared(Oid source)
{
    return get_rel_relkind(source) == RELKIND_FOREIGN_TABLE && !definition::is_stream_table(source);
}

const char *refusal(Oid source)
{
    if (definition::is_stream_table(source) || is_compared(source))
        return nullptr;
    Relation relation = relation_open(source, AccessShareLock);
    const char *reason = refusal_of_level(relation);
    bool has_children = relation->rd_rel->relhassubclass;
    bool is_partitioned = relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
    relation_close(relation, NoLock);
    if (reason != nullptr || !has_children)
        return reason;

    ListCell *cell;
    foreach (cell, find_all_inheritors(source, AccessShareLock, nullptr)) {
        Relation level = relation_open(lfirst_oid(cell), NoLock);
        reason = refusal_of_level(level);
        if (reason != nullptr)
            reason = psprintf("of its %s \"%s\": %s", is_partitioned ? "partition" : "child",
                              RelationGetRelationName(level), reason);
        relation_close(level, NoLock);
        if (reason != nullptr)
            return reason;
    }
    return nullptr;
}

namespace {

void capture(Oid source, const AttrNumber *columns, int column_count, bool is_for_others)
{
    if (definition::is_stream_table(source)) {
        LockRelationOid(source, ShareRowExclusiveLock);
        lock_capture(source);
        ensure_log(source, columns, column_count);
        return;
    }
    if (is_compared(source))
        return;
    List *levels = levels_of(source, ShareRowExclusiveLock);
    lock_capture(source);
    const char *reason = refusal(source);
    if (reason != nullptr)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("changes of \"%s\" cannot be captured", get_rel_name(source)),
                        errdetail("The reason is that %s.", reason)));
    ListCell *cell;
    foreach (cell, levels) {
        Relation relation = relation_open(lfirst_oid(cell), NoLock);
        CheckTableNotInUse(relation, "CREATE STREAM TABLE");
        relation_close(relation, NoLock);
    }
    const char *damage = is_logged(source) ? damage_of(source) : nullptr;
    /* The log first: its format decides which triggers are needed. */
    const bool is_begun = ensure_log(source, columns, column_count);
    if (damage == nullptr)
        damage = damage_to_others(source, is_begun, is_for_others);
    begin_own_work();
    foreach (cell, levels)
        if (is_table(lfirst_oid(cell)))
            install_triggers(lfirst_oid(cell));
    end_own_work();
    leave_witness(source);
    if (damage != nullptr) {
        mark(source, damage);
        CommandCounterIncrement();
    }
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
    const Format *format = find_format(source, row.version);
    for (int i = 0; i < column_count; i++) {
        bool is_logged_column = false;
        for (int j = 0; format != nullptr && j < format->column_count; j++)
            is_logged_column = is_logged_column || format->attnums[j] == columns[i];
        if (!is_logged_column)
            return false;
    }
    return format != nullptr && fits(source, format) && damage_of(source) == nullptr;
}

void release(Oid source)
{
    SourceRow row;
    /* The locks, which stay to the end of the transaction, keep the log from being trimmed: not taken for a source that is read. */
    if (!OidIsValid(source_table()) || state::log_readers_of(source) != NIL)
        return;
    /* What the transaction may not keep others from is left to trim(), as is a source of which another transaction adds or drops a reader. */
    if (!definition::may_stop_capture_changes(source) || !lock_capture_if_free(source) || !lock_unclaimed(source) ||
        state::log_readers_of(source) != NIL || !find_source(source, &row) || !row.is_active)
        return;
    row.is_active = false;
    update_source(&row);
    invalidate_targets(source);
}

bool stop(Oid source)
{
    SourceRow row;
    lock_capture(source);
    if (!find_source(source, &row) || !row.is_active)
        return false;
    row.is_active = false;
    update_source(&row);
    invalidate_targets(source);
    return true;
}

const char *damage_of(Oid source)
{
    if (is_compared(source))
        return nullptr;
    if (!is_logged(source))
        return was_not_logged;
    if (definition::is_stream_table(source))
        return nullptr;
    ListCell *cell;
    foreach (cell, levels_of(source, AccessShareLock))
        if (is_table(lfirst_oid(cell)) && !has_all_triggers(lfirst_oid(cell)))
            return "its capture triggers were missing or disabled";
    return is_witness_missing(source) ? "a crash may have emptied it" : nullptr;
}

bool is_logged(Oid source)
{
    SourceRow row;
    return find_source(source, &row) && row.is_active;
}

bool is_subscribed(Oid relid)
{
    CatCList *subscriptions = SearchSysCacheList1(SUBSCRIPTIONRELMAP, ObjectIdGetDatum(relid));
    bool answer = subscriptions->n_members > 0;
    ReleaseCatCacheList(subscriptions);
    return answer;
}

void lock_logs(Oid source)
{
    SourceRow row;
    if (find_source(source, &row))
        lock_segments(&row, AccessShareLock);
}

void keep_tree(Oid source)
{
    if (is_table(source))
        lock_tree(source, ShareLock);
}

void release_tree(Oid source)
{
    if (is_table(source))
        unlock_tree(source, ShareLock);
}

int64 log_size(Oid source)
{
    SourceRow row;
    int64 total = 0;
    if (!find_source(source, &row))
        return 0;
    for (Oid segment : row.segments) {
        if (!ConditionalLockRelationOid(segment, AccessShareLock))
            continue;
        if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(segment)))
            total += DatumGetInt64(DirectFunctionCall1(pg_total_relation_size, ObjectIdGetDatum(segment)));
        UnlockRelationOid(segment, AccessShareLock);
    }
    return total;
}

List *captured_sources()
{
    return all_sources();
}

void refit(Oid source)
{
    SourceRow row;
    if (!find_source(source, &row))
        return;
    Format *format = find_format(source, row.version);
    if (format == nullptr || fits(source, format))
        return;
    mark(source, "a column changed its type");
    ensure_log(source, nullptr, 0);
}

namespace {

void mark_all(List *relations, Oid cause, const char *reason)
{
    /* At commit, and where DDL commits in between, there is no snapshot to look through. */
    const bool needs_snapshot = !HaveRegisteredOrActiveSnapshot();
    if (needs_snapshot)
        PushActiveSnapshot(GetLatestSnapshot());
    ListCell *cell;
    foreach (cell, relations) {
        SourceRow row;
        if (!find_source(lfirst_oid(cell), &row) || !row.is_active)
            continue;
        Target target = {};
        target.source = row.relid;
        target.segment = row.segments[row.current_segment];
        target.version = row.version;
        ChunkWriter *writer = open_chunk_writer(&target);
        append_marker(writer, psprintf("%s: %s", get_rel_name(cause), reason));
        close_chunk_writer(writer);
    }
    if (needs_snapshot)
        PopActiveSnapshot();
}

} // namespace

void mark(Oid relation, const char *reason)
{
    mark_all(lcons_oid(relation, ancestors_of(relation)), relation, reason);
}

void mark_above(Oid relation, const char *reason)
{
    mark_all(ancestors_of(relation), relation, reason);
}

void mark_around(Oid relation, const char *reason)
{
    mark_all(levels_of(relation, NoLock), relation, reason);
}

void register_capture()
{
    register_statement_callbacks();
    register_guard();
    register_merge();
}

} // namespace pgtrickle::capture
