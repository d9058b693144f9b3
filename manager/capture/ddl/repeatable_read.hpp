/*
 * Sources under a snapshot that is older than the locks on them, as in a REPEATABLE READ transaction.
 *
 * Rows and log of a source agree under any snapshot as long as its changes are MVCC. TRUNCATE, a rewrite, a
 * materialized view's new heap and a partition that is attached or detached are not: they are visible under a
 * snapshot that does not see the marker, or the rows, by which the log records them. Conversely, a TRUNCATE,
 * rewrite or ATTACH by the transaction itself also applies to rows that other transactions have committed
 * after its snapshot, which the log contains as well, or does not contain at all.
 *
 * Nor do keys hold: beside a row that another transaction has deleted after the snapshot, which still shows it, the
 * transaction can insert one with the same key. Deltas, and PostgreSQL's plans, rely on keys.
 */
#pragma once

#include "definition/state/frontier.hpp"

namespace pgtrickle::capture {

struct OldSnapshot {
    Snapshot snapshot;    /* the transaction's snapshot */
    Snapshot latest;      /* taken after the locks; both outlive this struct */
    Frontier seen;        /* includes all that `snapshot` sees */
    Frontier all_but_own; /* includes all changes but those that the current transaction has logged */

    static OldSnapshot of(Snapshot snapshot, Snapshot latest);
};

/* Whether `source`, which is locked with its log, has under the old snapshot the rows that its log describes
 * up to there, and keys that hold. The caller checks the storage of a stream table. Costs a catalog look-up per
 * partition, a scan of the log beyond the snapshot, and scans of the source if the transaction itself has changed it in
 * such a way, or if it is not logged: it is then read in full anyway. PostgreSQL frame. */
bool is_source_seen(Oid source, const OldSnapshot &old);
/* Whether `source`, or `storage` if valid, has got a unique index, CHECK or NOT NULL since the snapshot, and the
 * snapshot shows rows that have been removed meanwhile: these may violate it, although PostgreSQL's plans rely on it.
 * CREATE UNIQUE INDEX and VALIDATE CONSTRAINT do not even wait for a refresh that reads the source. Costs three catalog
 * look-ups per partition. PostgreSQL frame. */
bool has_newer_constraint(Oid source, Oid storage, const OldSnapshot &old);
/* As is_source_seen() for a snapshot of any statement, whose source may be unlocked. The caller looks
 * for markers of the transaction itself: what only this transaction has done does not count, unless it has rewritten,
 * without a marker, rows that the snapshot does not see. The source is not scanned, and its log only if a transaction
 * has ended since the snapshot, or this one has changed something: it is locked meanwhile. C++ frame. */
bool is_seen_beside_own_work(Oid source, Snapshot snapshot);

/* Takes AccessShare on the source, its partitions and children, to the end of the transaction. What
 * is_seen_beside_own_work() finds afterwards stays true, except for a relation that becomes a partition or child.
 * PostgreSQL frame. */
void lock_to_read(Oid source);
/* As lock_to_read(), but does not wait: returns false if another transaction excludes readers of the source. PostgreSQL
 * frame. */
bool try_lock_to_read(Oid source);
/* Returns whether it would return true now. Locks nothing. */
bool is_readable_now(Oid source);

} // namespace pgtrickle::capture
