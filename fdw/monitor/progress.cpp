/*
 * Fills and full refreshes in progress, and the current jobs of refresh workers, for SQL. Of a refresh that a role may
 * not see, only the existence is shown, as PostgreSQL's own progress views do: the numbers of rows are those of tables
 * of its owner.
 */
#include "mailbox/progress.hpp"
#include "definition/guc.hpp"
#include "definition/stream_table.hpp"
#include "definition/visibility.hpp"
#include "fdw/sql/result_rows.hpp"
#include "mailbox/stats.hpp"
#include "scheduler/share.hpp"

extern "C" {
#include "catalog/pg_authid.h"
#include "commands/dbcommands.h"
#include "utils/acl.h"
}

namespace pgtrickle {

namespace {

/* Only the owner is known of a stream table of another database, and of one that a running transaction creates. */
bool may_see_progress(const mailbox::ProgressSeen &seen)
{
    return call([&] {
        if (has_privs_of_role(GetUserId(), seen.owner) || has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS))
            return true;
        return seen.database == MyDatabaseId && definition::is_stream_table(seen.relid) && may_see(seen.relid);
    });
}

void add_row(Rows &rows, const mailbox::ProgressSeen &seen)
{
    rows.integer(seen.pid).oid(seen.database).text(call([&] { return get_database_name(seen.database); }));
    if (!may_see_progress(seen)) {
        rows.null().null().null().null().null().null().null().add();
        return;
    }
    seen.database == MyDatabaseId ? rows.oid(seen.relid) : rows.null();
    rows.text(mailbox::name_of(seen.phase)).integer(seen.part).integer(seen.parts).number(seen.rows_done);
    seen.rows_expected > 0 ? rows.number(seen.rows_expected) : rows.null();
    rows.time(seen.started_at).add();
}

/* Refreshes of other databases are shown to roles that monitor the server. */
bool is_shown(const mailbox::RunningRefresh &running)
{
    return call([&] {
        if (running.database != MyDatabaseId)
            return static_cast<bool>(has_privs_of_role(GetUserId(), ROLE_PG_MONITOR));
        return definition::is_stream_table(running.first_member) && may_see(running.first_member);
    });
}

void add_row(Rows &rows, const mailbox::RunningRefresh &running)
{
    rows.integer(running.pid).text(call([&] { return get_database_name(running.database); }));
    running.database == MyDatabaseId ? rows.oid(running.first_member) : rows.null();
    rows.integer(running.member_count).text(call([&] { return GetUserNameFromId(running.owner, true); }));
    rows.time(running.since).boolean(running.is_share_exhausted).boolean(running.is_share_awaited).add();
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_running_refreshes)
{
    using namespace pgtrickle;
    Rows rows(fcinfo);
    const int share = scheduler::share_of(guc::max_workers_per_owner, guc::max_concurrent_refreshes);
    for (const mailbox::RunningRefresh &running : mailbox::running_refreshes(share))
        if (is_shown(running))
            add_row(rows, running);
    return 0;
}

SQL_FUNCTION(pgtrickle_progress_rows)
{
    using namespace pgtrickle;
    Rows rows(fcinfo);
    for (const mailbox::ProgressSeen &seen : mailbox::progress_seen())
        add_row(rows, seen);
    return 0;
}
