/*
 * refresh_stream_table, as an SQL function: it refreshes in the caller's transaction, and the history records
 * it whether the transaction commits or not.
 */
#include "definition/guc.hpp"
#include "definition/restoring.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "definition/visibility.hpp"
#include "fdw/definition/first_fill.hpp"
#include "fdw/read/barrier.hpp"
#include "fdw/read/on_stale.hpp"
#include "fdw/read/refresh_others.hpp"
#include "fdw/sql/arguments.hpp"
#include "mailbox/mailbox.hpp"
#include "refresh/batch/upstreams_of_others.hpp"
#include "refresh/history.hpp"
#include "refresh/place_rows.hpp"

extern "C" {
#include "access/xact.h"
#include "storage/lmgr.h"
}

#include <algorithm>

namespace pgtrickle {

namespace {

/* PostgreSQL frame. */
void refuse_suspended(Oid relid)
{
    if (state::visible_row(relid).status != state::Status::suspended)
        return;
    const char *name = definition::qualified_name(relid);
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("stream table %s is suspended", name),
                    errhint("Call pgtrickle.resume_stream_table(%s) first.", quote_literal_cstr(name))));
}

void refresh_and_record(const refresh::BatchRequest &request, refresh::SkippedMembers *skipped)
{
    for (const refresh::Outcome &outcome : refresh::refresh_batch(request, skipped)) {
        record_in_history(outcome, catalog::InitiatedBy::manual);
        if (outcome.may_have_rows_to_place)
            (void)refresh::place_rows(outcome.relid);
    }
}

/* Returns the upstreams that lack changes and that this session may refresh, each behind those that it reads. */
std::vector<Oid> upstreams_to_refresh(Oid relid)
{
    const std::vector<Oid> all = definition::upstreams_of(relid), refreshed = refresh::refreshed_with(relid);
    std::vector<std::pair<size_t, Oid>> by_depth; /* an upstream has fewer upstreams than what reads it */
    for (Oid upstream : all)
        if (std::find(refreshed.begin(), refreshed.end(), upstream) != refreshed.end() &&
            (!mailbox::is_current(upstream) || mailbox::own_effects(upstream).has_changes))
            by_depth.emplace_back(definition::upstreams_of(upstream).size(), upstream);
    std::sort(by_depth.begin(), by_depth.end());
    std::vector<Oid> ordered;
    for (const auto &[depth, upstream] : by_depth)
        ordered.push_back(upstream);
    return ordered;
}

/* Under a fixed snapshot a refresh that fills a stream table reads its upstreams as they stand (refresh.cpp), and
 * whether it does is known when it has all locks. So each upstream is refreshed before what reads it, by itself; those
 * that are held or suspended are in skipped->upstreams. */
void refresh_upstreams_alone(Oid relid, refresh::SkippedMembers *skipped)
{
    for (Oid upstream : upstreams_to_refresh(relid)) {
        refresh::SkippedMembers left_out;
        refresh_and_record({.members = {upstream}, .requested_by = scheduler::RequestedBy::reader}, &left_out);
        for (const std::vector<Oid> &those : {left_out.held, left_out.beside_failed, left_out.upstreams})
            skipped->upstreams.insert(skipped->upstreams.end(), those.begin(), those.end());
    }
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_refresh_stream_table)
{
    using namespace pgtrickle;
    std::string name = required_text(fcinfo, 0, "name");
    Oid relid = call([&] {
        guc::require_stream_tables("refresh a stream table");
        /* A refresh writes below the level of the executor, which would otherwise make these checks. */
        PreventCommandDuringRecovery("refresh_stream_table()");
        PreventCommandIfReadOnly("refresh_stream_table()");
        const Oid unlocked = owned_stream_table(name.c_str());
        refuse_suspended(unlocked);
        use_new_keys_here(unlocked); /* before the manager is free to fill what this session restores */
        definition::end_restoring();
        const Oid found = locked_stream_table(owned_stream_table, name.c_str(), RowExclusiveLock);
        refuse_suspended(found);
        return found;
    });
    call([=] {
        refresh_others_for(relid);
        UnlockRelationOid(relid, RowExclusiveLock); /* the batch takes it, and must be able to give it up */
    });
    TimestampTz started_at = GetCurrentTimestamp();
    refresh::SkippedMembers skipped, skipped_before;
    try {
        if (IsolationUsesXactSnapshot())
            refresh_upstreams_alone(relid, &skipped_before);
        refresh_and_record({.members = {relid}}, &skipped);
        record_left_out(skipped, started_at, catalog::InitiatedBy::manual);
    } catch (const PgError &error) {
        record_failure_in_history(relid, started_at, catalog::InitiatedBy::manual, error);
        throw;
    }
    for (const refresh::MemberError &error : skipped.failed)
        call([relid = error.relid] { warn_of_failed_member(relid); });
    skipped.upstreams.insert(skipped.upstreams.end(), skipped_before.upstreams.begin(), skipped_before.upstreams.end());
    if (lacks_what_was_left_out(relid, skipped.upstreams))
        call([=] { warn_of_late_upstream(relid); });
    PG_RETURN_VOID();
}
