/*
 * pause_scheduler, resume_scheduler and drain, as SQL functions.
 *
 * A drain must take effect before it is committed: while drain() waits for the work lock, the manager starts
 * no job. From the commit on, the row in pgt_hold has the same effect, also after a restart, until
 * resume_scheduler() removes it.
 */
#include "refresh/batch/holds.hpp"
#include "definition/definition.hpp"
#include "definition/guc.hpp"
#include "definition/visibility.hpp"
#include "fdw/sql/arguments.hpp"
#include "fdw/sql/extension_tables.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/attempt.hpp"
#include "pg/settings.hpp"

extern "C" {
#include "storage/lmgr.h"
}

#include <climits>

namespace pgtrickle {

namespace {

void require_primary(const char *what)
{
    call([=] {
        guc::require_preload(what);
        PreventCommandDuringRecovery(what);
        PreventCommandIfReadOnly(what);
    });
}

Oid stream_table_named(const std::string &name)
{
    /* The lock prevents a DROP until the hold is committed. */
    return call([&] { return locked_stream_table(definition::relid_of_name, name.c_str(), AccessShareLock); });
}

std::vector<std::vector<Text>> insert_hold(const char *kind, Oid relid)
{
    return run_extension_sql("INSERT INTO pgtrickle.pgt_hold (kind, relation, by_role) VALUES ($1, $2::oid, $3) "
                             "ON CONFLICT DO NOTHING RETURNING 1",
                             {kind, std::to_string(relid), current_role()});
}

bool remove_hold(const char *kind, Oid relid)
{
    return !run_extension_sql(
                "DELETE FROM pgtrickle.pgt_hold WHERE kind = $1 AND relation = $2::oid::regclass RETURNING 1",
                {kind, std::to_string(relid)})
                .empty();
}

void pause(FunctionCallInfo fcinfo)
{
    require_primary("pause_scheduler()");
    if (!has_argument(fcinfo, 0))
        insert_hold("pause", InvalidOid);
    else
        for (const std::string &name : text_array(fcinfo, 0, "nodes"))
            insert_hold("pause", stream_table_named(name));
    mailbox::note_definition_change();
}

void report_not_paused(Oid relid)
{
    auto rows =
        run_extension_sql("SELECT FROM pgtrickle.pgt_hold WHERE kind IN ('pause', 'drain') AND relation::oid = 0");
    const bool are_all = !rows.empty();
    call([=] {
        const char *name = definition::qualified_name(relid);
        if (are_all)
            ereport(NOTICE,
                    (errmsg("stream table %s is held only because the whole database is paused or drained", name),
                     errhint("Call pgtrickle.resume_scheduler() without names to resume the database.")));
        else
            ereport(NOTICE, (errmsg("stream table %s is not paused", name)));
    });
}

/* A stream table that was paused by name stays paused, because the reason for that is independent of a pause
 * of all. */
void report_still_paused()
{
    auto rows = run_extension_sql("SELECT count(*), string_agg(relation::text, ', ' ORDER BY relation::text) "
                                  "FROM pgtrickle.pgt_hold WHERE kind = 'pause' AND relation::oid <> 0");
    if (*rows[0][0] == "0")
        return;
    call([&] {
        ereport(NOTICE, (errmsg("stream tables that were paused by name stay paused"),
                         errdetail("They are: %s.", rows[0][1]->c_str()),
                         errhint("Pass their names to pgtrickle.resume_scheduler() to resume them.")));
    });
}

void resume(FunctionCallInfo fcinfo)
{
    require_primary("resume_scheduler()");
    if (!has_argument(fcinfo, 0)) {
        remove_hold("pause", InvalidOid);
        remove_hold("drain", InvalidOid);
        report_still_paused();
    } else {
        for (const std::string &name : text_array(fcinfo, 0, "nodes"))
            if (Oid relid = stream_table_named(name); !remove_hold("pause", relid))
                report_not_paused(relid);
    }
    mailbox::note_definition_change();
}

/* Waits until no refresh is running. Returns false if that takes longer than `timeout_s`. */
bool is_idle_within(int timeout_s)
{
    if (timeout_s == 0)
        return !call([] { return refresh::is_work_going_on(); });
    std::optional<Failure> failure = attempt([=] {
        SettingsLevel settings;
        call([=] {
            set_for_now("lock_timeout", psprintf("%d", timeout_s > INT_MAX / 1000 ? INT_MAX : timeout_s * 1000));
            refresh::wait_for_work();
        });
    });
    if (failure && failure->sqlstate != ERRCODE_LOCK_NOT_AVAILABLE)
        raise({.sqlstate = failure->sqlstate,
               .message = failure->message,
               .detail = failure->detail,
               .hint = failure->hint});
    return !failure;
}

bool drain(FunctionCallInfo fcinfo)
{
    require_primary("drain()");
    if (!has_argument(fcinfo, 0) || PG_GETARG_INT32(0) < 0)
        refuse_argument("timeout_s must be a number of seconds, 0 or more");
    insert_hold("drain", InvalidOid);
    mailbox::note_definition_change();
    return is_idle_within(PG_GETARG_INT32(0));
}

bool is_drained()
{
    return refresh::read_holds_on([] { return scheduler::Graph(); }).is_draining &&
           !call([] { return refresh::is_work_going_on(); });
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_pause_scheduler)
{
    pgtrickle::pause(fcinfo);
    PG_RETURN_VOID();
}

SQL_FUNCTION(pgtrickle_resume_scheduler)
{
    pgtrickle::resume(fcinfo);
    PG_RETURN_VOID();
}

SQL_FUNCTION(pgtrickle_drain)
{
    PG_RETURN_BOOL(pgtrickle::drain(fcinfo));
}

SQL_FUNCTION(pgtrickle_is_drained)
{
    PG_RETURN_BOOL(pgtrickle::is_drained());
}
