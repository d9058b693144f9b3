/*
 * The environment of this database's stream tables, for the views over health: the processes, the shared
 * memory, the catalog file; and indexes that refreshes lack.
 */
#include "catalog/presence.hpp"
#include "catalog/process.hpp"
#include "definition/guc.hpp"
#include "definition/visibility.hpp"
#include "fdw/monitor/stream_table_list.hpp"
#include "fdw/sql/arguments.hpp"
#include "fdw/sql/result_rows.hpp"
#include "mailbox/mailbox.hpp"
#include "mailbox/stats.hpp"
#include "pg/attempt.hpp"
#include "pg/settings.hpp"
#include "pg/versions/processes.hpp"
#include "refresh/code/interpreted_code.hpp"
#include "refresh/program/compiled.hpp"
#include "refresh/program/missing_index.hpp"

extern "C" {
#include "access/relation.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/backend_status.h"
#include "utils/rel.h"
#include "utils/relcache.h"
}

#include <algorithm>
#include <string_view>

namespace pgtrickle {

namespace {

/* Returns the number of background workers of all kinds. PostgreSQL frame. */
int running_workers()
{
    int workers = 0;
    int count = pgstat_fetch_stat_numbackends();
    for (int i = 1; i <= count; i++) {
        const LocalPgBackendStatus *status = backend_status(i);
        workers += status != nullptr && status->backendStatus.st_backendType == B_BG_WORKER;
    }
    return workers;
}

/* Locks the relations without waiting. Returns false if one of them is locked; it is not examined then.
 * PostgreSQL frame. */
bool lock_if_free(const Oid *relations, int count)
{
    for (int i = 0; i < count; i++)
        if (!ConditionalLockRelationOid(relations[i], AccessShareLock))
            return false;
    return true;
}

/* As above, one relation, which is unlocked again. */
bool is_free(Oid relation)
{
    const bool is_locked = ConditionalLockRelationOid(relation, AccessShareLock);
    if (is_locked)
        UnlockRelationOid(relation, AccessShareLock);
    return is_locked;
}

/* Whether all are free that pg_total_relation_size() opens. PostgreSQL frame. */
bool is_free_with_indexes(Oid relid)
{
    Relation relation = is_free(relid) ? try_relation_open(relid, AccessShareLock) : nullptr;
    if (relation == nullptr)
        return false;
    List *indexes = relation->rd_rel->relhasindex ? RelationGetIndexList(relation) : NIL;
    const Oid toast = relation->rd_rel->reltoastrelid;
    bool are_free = !OidIsValid(toast) || is_free_with_indexes(toast);
    ListCell *cell;
    foreach (cell, indexes)
        are_free = are_free && is_free(lfirst_oid(cell));
    relation_close(relation, AccessShareLock);
    return are_free;
}

/* One that cannot be examined at once, or not at all, is left out. Nothing is kept locked, as in objection_to()
 * (refresh_mode.cpp). */
void add_missing_indexes(Rows &rows, const StreamTableInfo &seen)
{
    std::vector<Oid> involved = {seen.definition.relid};
    for (const Source &source : seen.definition.sources)
        involved.push_back(source.relid);
    std::vector<refresh::MissingIndex> found;
    (void)attempt([&] {
        const BriefWaits brief;
        without_keeping_locks([&] {
            if (call([&] { return lock_if_free(involved.data(), static_cast<int>(involved.size())); }) &&
                refresh::may_run_here(seen.definition.relid) && refresh::has_current_layout(seen.definition.relid))
                found = refresh::missing_indexes(refresh::compiled_of(seen.definition.relid));
        });
    });
    for (const refresh::MissingIndex &missing : found)
        rows.oid(seen.definition.relid).oid(missing.source).text(missing.statement).add();
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_server_state)
{
    using namespace pgtrickle;
    Rows rows(fcinfo);
    mailbox::MailboxStats stats = mailbox::stats();
    catalog::FileCondition catalog = catalog::condition();
    rows.boolean(guc::is_preloaded()).boolean(guc::enabled).boolean(call([] { return RecoveryInProgress(); }));
    stats.launcher_pid != 0 ? rows.integer(stats.launcher_pid) : rows.null();
    stats.manager_pid != 0 ? rows.integer(stats.manager_pid) : rows.null();
    rows.boolean(mailbox::do_managers_take_turns());
    rows.integer(call([] { return running_workers(); })).integer(max_worker_processes);
    rows.number(stats.stream_tables).number(stats.stream_table_room);
    rows.number(stats.readings_free).number(stats.readings_room);
    rows.number(catalog.bytes);
    /* The reason contains names of files. */
    bool may_see_reason = call([] { return has_privs_of_role(GetUserId(), ROLE_PG_MONITOR); });
    catalog.fault.empty() ? rows.null() : rows.text(may_see_reason ? catalog.fault : "it cannot be written");
    rows.add();
    return 0;
}

SQL_FUNCTION(pgtrickle_end_of_absence)
{
    const uint64 checkpoint = pgtrickle::catalog::end_of_absence();
    if (checkpoint == 0)
        PG_RETURN_NULL();
    PG_RETURN_DATUM(Int64GetDatum(static_cast<int64>(checkpoint)));
}

SQL_FUNCTION(pgtrickle_visible_stream_table)
{
    using namespace pgtrickle;
    std::string name = required_text(fcinfo, 0, "name");
    return call([&] { return ObjectIdGetDatum(visible_stream_table(name.c_str())); });
}

SQL_FUNCTION(pgtrickle_is_readable_at_once)
{
    using namespace pgtrickle;
    const Oid relation = PG_GETARG_OID(0);
    return call([=] { return BoolGetDatum(is_free_with_indexes(relation)); });
}

/* A process that has ended since holds nothing. */
SQL_FUNCTION(pgtrickle_is_other_process)
{
    using namespace pgtrickle;
    const int32 pid = PG_GETARG_INT32(0);
    return call([=] {
        const char *type = GetBackgroundWorkerTypeByPid(pid);
        const bool is_own = type != nullptr && std::string_view(type).starts_with(mailbox::process_type::prefix);
        return BoolGetDatum(!is_own && BackendPidGetProc(pid) != nullptr);
    });
}

SQL_FUNCTION(pgtrickle_missing_index_rows)
{
    using namespace pgtrickle;
    Rows rows(fcinfo);
    if (PG_ARGISNULL(0) || !guc::is_preloaded())
        return 0;
    ArrayType *array = call([&] { return PG_GETARG_ARRAYTYPE_P(0); });
    const auto *relids = reinterpret_cast<const Oid *>(ARR_DATA_PTR(array));
    int count = ARR_NDIM(array) == 0 ? 0 : ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    if (ARR_HASNULL(array))
        raise(
            {.sqlstate = ERRCODE_NULL_VALUE_NOT_ALLOWED, .message = "invalid argument: NULL among the stream tables"});
    for (const StreamTableInfo &seen : visible_stream_tables())
        if (seen.may_see_texts && std::find(relids, relids + count, seen.definition.relid) != relids + count)
            add_missing_indexes(rows, seen);
    return 0;
}
