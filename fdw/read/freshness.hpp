/*
 * Whether a stream table may be read as it is, and if not, what is to be done.
 *
 * Two ways to judge. Where the reader can still take a new snapshot, what is committed by
 * now counts: the mailbox knows it, without a look at a catalog. Where its snapshot is
 * fixed (REPEATABLE READ, a STABLE function, a standby), staleness is judged as of that
 * snapshot: by the frontier it sees, and the logged changes it sees beyond it.
 *
 * Both err only towards stale. PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "utils/snapshot.h"
}

namespace pgtrickle {

enum class Verdict {
    serve,        /* fresh enough */
    ask,          /* the manager is to refresh it */
    refresh_here, /* only this transaction can */
    stale,        /* nobody can, or not in time: on_stale decides */
};

/* Why it is not fresher. */
enum class Obstacle {
    none,
    timed_out,
    failed,
    suspended,
    held,
    no_manager,
    locked,
    fixed_snapshot,
    read_only,
    standby,
    own_changes,
};

struct Freshness {
    Verdict verdict = Verdict::serve;
    Obstacle obstacle = Obstacle::none;
    bool is_populated = true;
    bool can_ask = false; /* it may be refreshed with others, so that they are at one frontier */
};

/* As of now. Cost, when nothing is pending: a look into shared memory. */
Freshness judge(Oid relid, TimestampTz now);

/* As of `snapshot`, taken at `taken_at`. Never `ask`. Raises 40001 if the storage is newer
 * than the snapshot. Cost: index probes into state, dependencies and logs. */
Freshness judge_as_of(Oid relid, Snapshot snapshot, TimestampTz taken_at);

/* Whether nothing at all may be pending. */
bool has_to_be_current(Oid relid);

/* Whether this transaction may refresh it: it writes, and its user may keep it from being refreshed by others. */
bool can_refresh_here(Oid relid);

} // namespace pgtrickle
