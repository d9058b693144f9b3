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
#include "refresh/code/compile_right.hpp"
#include "refresh/history.hpp"
#include "refresh/place_rows.hpp"

extern "C" {
#include "storage/lmgr.h"
}

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

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_refresh_stream_table)
{
    using namespace pgtrickle;
    std::string name = required_text(fcinfo, 0, "name");
    const Oid unlocked = call([&] {
        guc::require_stream_tables("refresh a stream table");
        /* A refresh writes below the level of the executor, which would otherwise make these checks. */
        PreventCommandDuringRecovery("refresh_stream_table()");
        PreventCommandIfReadOnly("refresh_stream_table()");
        const Oid found = owned_stream_table(name.c_str());
        refuse_suspended(found);
        return found;
    });
    {
        const refresh::AskedFor asked(unlocked);
        call([=] { use_new_keys_here(unlocked); }); /* before the manager is free to fill what this session restores */
    }
    const Oid relid = call([&] {
        definition::end_restoring();
        const Oid found = locked_stream_table(owned_stream_table, name.c_str(), RowExclusiveLock);
        refuse_suspended(found);
        return found;
    });
    const refresh::AskedFor asked(relid);
    call([=] {
        refresh_others_for(relid);
        UnlockRelationOid(relid, RowExclusiveLock); /* the batch takes it, and must be able to give it up */
    });
    TimestampTz started_at = GetCurrentTimestamp();
    refresh::SkippedMembers skipped;
    try {
        for (const refresh::Outcome &outcome : refresh::refresh_batch({.members = {relid}}, &skipped)) {
            record_in_history(outcome, catalog::InitiatedBy::manual);
            if (outcome.may_have_rows_to_place)
                (void)refresh::place_rows(outcome.relid);
        }
        record_left_out(skipped, started_at, catalog::InitiatedBy::manual);
    } catch (const PgError &error) {
        record_failure_in_history(relid, started_at, catalog::InitiatedBy::manual, error);
        throw;
    }
    for (const refresh::MemberError &error : skipped.failed)
        call([relid = error.relid] { warn_of_failed_member(relid); });
    if (lacks_what_was_left_out(relid, skipped.upstreams))
        call([=] { warn_of_late_upstream(relid); });
    PG_RETURN_VOID();
}
