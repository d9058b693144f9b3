/*
 * Decides whether a stream table may be read without a refresh, and if not, how it is to be refreshed.
 *
 * There are two ways to judge. If the reader can still take a new snapshot, all changes committed by now
 * count: the mailbox knows them, and no catalog is read. If the snapshot is fixed (REPEATABLE READ, a STABLE
 * function, a standby), staleness is judged as of that snapshot: by the frontier that is visible to it, and
 * the logged changes visible to it beyond that frontier.
 *
 * Both may report a fresh stream table as stale, but never the reverse. PostgreSQL frames.
 */
#pragma once

#include "mailbox/mailbox.hpp"

extern "C" {
#include "utils/snapshot.h"
}

namespace pgtrickle {

enum class Verdict {
    serve,        /* fresh enough */
    request,      /* the manager is to refresh it */
    refresh_here, /* only this transaction can refresh it */
    stale,        /* it cannot be refreshed, or not in time: on_stale decides */
};

/* The reason why a stream table is not fresher. */
enum class Obstacle {
    none,
    timed_out,
    late_upstream, /* with a schedule of its own */
    failed,
    suspended,
    held,
    no_manager,
    locked,
    fixed_snapshot,
    read_only,
    standby,
    own_changes,
    open_statement, /* of this transaction: it changes a source */
    code_of_owner,  /* an exact read would run it in this session (refresh/code/interpreted_code.hpp) */
};

/* Returns the reason why a stream table in this state is not refreshed; none if a refresh may be requested. */
Obstacle obstacle_in(const mailbox::State &state);

struct Freshness {
    Verdict verdict = Verdict::serve;
    Obstacle obstacle = Obstacle::none;
    bool is_populated = true;
    bool can_request = false; /* it may be refreshed with others, so that all are at one frontier */
};

/* Judges the present state. Cost, if nothing is pending: a look-up in shared memory. */
Freshness judge(Oid relid, TimestampTz now);

/* Judges the state visible to `snapshot`, which was not taken after `taken_at`, and tolerates that changes are
 * missing for `tolerated_us` longer than permitted. Never returns `request`. Raises 40001 if
 * the storage is newer than the snapshot. Cost: index probes into state, dependencies and logs. */
Freshness judge_as_of(Oid relid, Snapshot snapshot, TimestampTz taken_at, int64_t tolerated_us = 0);

/* Returns true if this transaction has changed a source, at any depth, by a statement that is still in
 * progress, and a query with the command id `reader` sees the changes: nothing can apply them yet. Cheap if
 * there is no such statement, as in all reads outside of triggers and functions of a writing statement. */
bool lacks_unlogged_changes(Oid relid, CommandId reader);

/* Returns true if an exact read of this session may have shown a change that is missing since `since`. */
bool lacks_what_was_read(Oid relid, TimestampTz since);
/* As lacks_what_was_read(), of the stored rows that the snapshot sees. */
bool lacks_what_was_read_as_of(Oid relid, Snapshot snapshot);

/* Returns true if no change is missing now, by the logs. The mailbox may say otherwise: it counts, for example, the
 * changes of a transaction that is about to commit, or is prepared. */
bool lacks_nothing(Oid relid);

/* Returns true if no change may be pending when the stream table is read. */
bool has_to_be_current(Oid relid);

/* Returns true if this transaction may refresh the stream table: the transaction can write, its user has the rights of
 * the owner, and no statement in progress has changed what a refresh would read. */
bool can_refresh_here(Oid relid);

} // namespace pgtrickle
