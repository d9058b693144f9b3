/*
 * Upstreams that keep to schedules of their own: what reads one by schedule reads its rows as they are, so changes that
 * it lacks are no changes that its dependent lacks. Readers look here for one that is not refreshed by its schedule.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::mailbox {

struct PendingUpstream {
    Oid relid;
    TimestampTz since; /* as MailboxStatus::scheduled_stale_since() */
};

/* Puts into `found` such upstreams of the stream table, at any distance, that lack changes and are not suspended;
 * `most` of them at most. Returns their number. Costs a walk in shared memory. */
int pending_own_schedules(Oid relid, PendingUpstream *found, int most) noexcept;

} // namespace pgtrickle::mailbox
