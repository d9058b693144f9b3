/*
 * Who takes part in a refresh, and the locks that make one snapshot right for all.
 *
 * Locks are taken in this order, so that two groups never wait for each other: the foreign
 * tables (RowExclusive: definitions stand still, and whoever starts to read one of them waits
 * until refreshes that write its change log have ended, before he refreshes it himself), the
 * object locks (Exclusive: one refresh of a stream table at a time) by level and OID, then
 * sources and their logs (AccessShare) by OID. A TRUNCATE or a trim that sneaked in between
 * lock and snapshot would read as an empty source; so no snapshot is taken before the last lock. Sources, and what else takes no part
 * (upstreams_of_others.hpp), are locked as a reader locks them, for the transaction may stay open.
 * C++ frames; they throw PgError.
 */
#pragma once

#include "mailbox/mailbox.hpp"
#include "refresh/run/member.hpp"

namespace pgtrickle::refresh {

struct ObservedSource {
    Oid relid;
    mailbox::SourceCounters seen;
};

/* A stream table that members read and that takes no part. */
struct ExcludedUpstream {
    Oid relid;
    TimestampTz as_of; /* no change before it is missing in what it shows */
};

struct Group {
    std::vector<Member> members; /* upstreams first */
    std::vector<ObservedSource> observed; /* sources and members, ascending by OID */
    std::vector<ExcludedUpstream> excluded;
    std::vector<Oid> kept_trees; /* sources that no partition or child with rows comes to */
    scheduler::AtomicSets atomic_sets;
    SkippedMembers skipped;

    static Group without_members(const SkippedMembers &why);

    const mailbox::SourceCounters &seen(Oid relid) const;
    /* Somebody whom members read takes no part, or no longer; what he shows is what the refresh reads. */
    void leave_out(Oid relid);
    /* Of a stream table that members read: what ExcludedUpstream says, or the data_timestamp of a member; DT_NOEND before it has one. */
    TimestampTz as_of(Oid relid) const;
};

/* Finds anew who is left out. To be called before the snapshot is taken. */
void look_at_left_out(Group &group);

/* Those who are asked for and whoever is within reach (but excluded_members.hpp), locked, with state rows read and the mailbox
 * observed. No members: unrefreshed.locked says why. */
Group lock_group(const RefreshRequest &request);
/* To be called after the last statement under the snapshot: the transaction may stay open. */
void release_trees(const Group &group);

} // namespace pgtrickle::refresh
