/*
 * What a given snapshot sees of a stream table: its row of pgt_state, its storage, and the
 * logged changes of its sources that are not in it.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "utils/snapshot.h"
}

namespace pgtrickle {

struct StateSeen {
    bool exists = false;
    bool is_populated = false;
    bool needs_reinit = false;
    bool is_own =
        false; /* this transaction wrote the row: it created, altered or refreshed the stream table */
    TimestampTz data_timestamp = DT_NOBEGIN; /* when the frontier's snapshot was taken */
    char *status = nullptr;                  /* ACTIVE …; in the current memory context */
    char *frontier = nullptr;                /* as text, in the current memory context; null: none */
    uint64 own_xid = 0;
    int32 own_seq = 0;
};

/* Null as `snapshot`: what is committed now, and what this transaction did. */
StateSeen state_seen(Oid relid, Snapshot snapshot);

/* Raises 40001 unless `snapshot` sees that the storage was created: an older one would read
 * it as empty. */
void require_storage_seen(Oid relid, Oid storage, Snapshot snapshot);

/* Whether `snapshot` sees a change of a source, direct or by way of other stream tables,
 * that the storage as it sees it has not taken in; if `own_only`, not by way of those that have a schedule of their own. What is
 * restless always has something pending. */
bool has_pending_changes(Oid relid, Snapshot snapshot, bool own_only = false);

/* One of these stream tables that, as `snapshot` sees them, may lack what another has taken in, or in which something below it
 * may lack what it has itself; InvalidOid: none does. Cost: index probes into state and dependencies, and where a frontier is
 * older into logs; of a single one that reads no other, into dependencies only. */
Oid one_behind(const Oid *relids, int count, Snapshot snapshot);

} // namespace pgtrickle
