/*
 * A batch: the members of a refresh, which is one transaction, and the locks that make one snapshot valid for all
 * of them.
 *
 * Locks are acquired in this order, so that two batches never deadlock: the foreign tables (RowExclusive:
 * definitions do not change, and a transaction that begins to read one of them waits until refreshes that
 * write its change log have ended, before it refreshes the stream table itself), the object locks (Exclusive:
 * one refresh of a stream table at a time) by level and OID, then sources, with the foreign tables of upstreams,
 * and their logs (AccessShare) by OID, then the inheritance trees of the sources, which are unlocked at the end
 * of the refresh. A refresh worker has taken its work lock before all of them. A TRUNCATE or a trim between lock and
 * snapshot would make the source look empty; so no snapshot is taken before the last lock. Nor is a state: a trim that
 * gives up a log marks those that needed it, and invalidates them, so who reads a log has read its marks under the lock
 * on the log, or since the last invalidation before that. Sources,
 * and upstreams that are not members (upstreams_of_others.hpp), are locked as a SELECT locks them, for the transaction
 * may stay open. C++ frames; they throw PgError.
 */
#pragma once

#include "capture/log/read_locks.hpp"
#include "mailbox/mailbox.hpp"
#include "refresh/run/member.hpp"

namespace pgtrickle::refresh {

struct ObservedSource {
    Oid relid;
    mailbox::SourceCounters seen;
};

/* A stream table that members read and that is not a member. */
struct ExcludedUpstream {
    Oid relid;
    TimestampTz as_of; /* its rows include all changes before this time */
};

/* A source that an owner of members may not keep locked, with its partitions and children before the snapshot is taken.
 */
struct WatchedTree {
    Oid source;
    List *tree;
};

struct Batch {
    std::vector<Member> members;          /* upstreams first */
    std::vector<ObservedSource> observed; /* sources and members, ascending by OID */
    std::vector<ExcludedUpstream> excluded;
    std::vector<Oid> locked_trees; /* sources to which no partition or child with rows is added */
    std::vector<WatchedTree> watched_trees;
    scheduler::AtomicSets atomic_sets;
    SkippedMembers skipped;

    static Batch without_members(const SkippedMembers &why);

    const mailbox::SourceCounters &seen(Oid relid) const;
    /* Records an upstream that is not, or no longer, a member: the refresh reads it as it stands. */
    void exclude(Oid relid);
    /* For a stream table that members read: ExcludedUpstream::as_of, or the data_timestamp of a member;
     * DT_NOEND before the member has one. */
    TimestampTz as_of(Oid relid) const;
};

/* Determines the excluded upstreams again. To be called before the snapshot is taken. */
void find_excluded_upstreams(Batch &batch);

/* Returns the requested stream tables and those within reach, without suspended ones (excluded_members.hpp),
 * locked, with state rows read and the mailbox observed. If there are no members, skipped.locked may say
 * why. `logs` holds the locks on the logs, as far as keep_logs_of_new_contents() does not. */
Batch lock_batch(const BatchRequest &request, capture::ReadLocks &logs);
/* Keeps the logs locked to the end of the transaction that members read which have started from nothing. The trimmer
 * goes by committed frontiers: an older one of a member needs all that its new frontier does, but these have none. */
void keep_logs_of_new_contents(const Batch &batch);
/* Waits until this process knows the relations of watched trees whose rows the snapshot shows. To be called before
 * require_watched_trees(). */
void await_watched_trees(const Batch &batch);
/* Raises 40001 if a partition or child of a watched source was added or removed since lock_batch(): the members may
 * have been computed from rows of before and after that. To be called after the last statement under the snapshot. */
void require_watched_trees(const Batch &batch);
/* To be called after the last statement under the snapshot, since the transaction may stay open. */
void unlock_trees(const Batch &batch);

} // namespace pgtrickle::refresh
