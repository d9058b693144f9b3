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
    TimestampTz since = known.is_known && known.stale_since() != DT_NOBEGIN ? known.stale_since() : row.data_timestamp;
    if (known.waits_for_others)
        return {known.is_clean, row.data_timestamp, since > now ? 0 : now - since, 0, since};
    TimestampTz own = known.is_known && known.scheduled_stale_since() != DT_NOBEGIN ? known.scheduled_stale_since()
                                                                                    : row.data_timestamp;
    return {known.is_clean, row.data_timestamp, since > now ? 0 : now - since, own == 0 || own > now ? 0 : now - own,
            since};
}

} // namespace pgtrickle
