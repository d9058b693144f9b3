/*
 * The mailbox knows since when changes are pending. If it does not, for example after a restart, the contents
 * are assumed to be as old as the last refresh; on a standby, which has no mailbox, only if a replayed change is
 * pending.
 */
#include "fdw/monitor/age.hpp"

#include "definition/state/frontier.hpp"
#include "fdw/read/snapshot_state.hpp"
#include "mailbox/mailbox.hpp"

extern "C" {
#include "access/xlog.h"
#include "utils/snapmgr.h"
}

namespace pgtrickle {

namespace {

bool is_pending_on_standby(Oid relid)
{
    const Snapshot latest = call([] { return RegisterSnapshot(latest_snapshot()); });
    const bool is_pending = call([=] { return has_pending_changes(relid, latest); });
    call([=] { UnregisterSnapshot(latest); });
    return is_pending;
}

} // namespace

Age age_of(Oid relid, const state::StateRow &row)
{
    if (!row.is_populated)
        return {};
    TimestampTz now = GetCurrentTimestamp();
    mailbox::MailboxStatus known = mailbox::status_of(relid);
    if (known.is_current() || (!known.is_known && RecoveryInProgress() && !is_pending_on_standby(relid)))
        return {true, now, 0};
    auto if_known = [&](TimestampTz since) {
        return known.is_known && since != DT_NOBEGIN ? since : row.data_timestamp;
    };
    auto elapsed_since = [=](TimestampTz since) { return since == 0 || since > now ? 0 : now - since; };
    const TimestampTz since = if_known(known.stale_since());
    Age age{.is_clean = known.is_clean,
            .data_timestamp = row.data_timestamp,
            .staleness_us = elapsed_since(since),
            .pending_since = since};
    if (!known.waits_for_others) {
        age.own_staleness_us = elapsed_since(if_known(known.scheduled_stale_since()));
        age.own_unapplied_us = elapsed_since(if_known(known.scheduled_dirty_since));
    }
    return age;
}

} // namespace pgtrickle
