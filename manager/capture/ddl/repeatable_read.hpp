/*
 * Sources under a snapshot that is older than the locks on them, as a REPEATABLE READ transaction has it.
 *
 * Rows and log of a source agree under any snapshot as long as what changes it is MVCC. TRUNCATE, a rewrite, a
 * materialized view's new heap and a partition that comes or goes are not: they show through a snapshot that
 * does not see the marker, or the rows, by which the log tells of them. The other way round, what the transaction
 * itself truncates, rewrites or attaches takes in what others have committed after its snapshot,
 * and the log tells that once more, or never did.
 */
#pragma once

#include "capture/source/frontier.hpp"

namespace pgtrickle::capture {

struct OldSnapshot {
    Snapshot snapshot;    /* the transaction's */
    Snapshot latest;      /* taken after the locks; both outlive this */
    Frontier seen;        /* all that `snapshot` sees */
    Frontier all_but_own; /* whatever the current transaction has not logged */

    static OldSnapshot of(Snapshot snapshot, Snapshot latest);
};

/* Whether `source`, locked with its log, is under the old snapshot what its log tells up to there. A stream table's storage is the
 * caller's to look at. Cost: a catalog look-up a partition, the log beyond the snapshot, and, if the
 * transaction has changed the source like that itself, its rows. PostgreSQL frame. */
bool is_source_seen(Oid source, const OldSnapshot &old);

/* Whether the relation was there, and lay in the heap in which it lies now. PostgreSQL frame. */
bool is_heap_seen(Oid relid, Snapshot snapshot);

} // namespace pgtrickle::capture
