/*
 * The rows of pgtrickle.pgt_state and pgtrickle.pgt_dependency, read and written as heaps:
 * no privileges are asked, no SPI is needed. Marks (marks.hpp) are read with the row of their stream table.
 *
 * The functions marked "PostgreSQL frame" may ereport, and are called by C++ frames through
 * call(). Writers hold the stream table's object lock (a refresh) or AccessExclusive on the
 * foreign table (DDL); who has neither writes marks.
 */
#pragma once

#include "definition/state/marks.hpp"

extern "C" {
#include "storage/lock.h"
#include "utils/snapshot.h"
}

#include <optional>
#include <string>
#include <vector>

namespace pgtrickle::state {

/* Column numbers of pgt_state, for those who update single columns of a row. */
enum Column : int {
    relid = 1,
    frontier,
    own_xid,
    own_seq,
    system_identifier,
    data_timestamp,
    is_populated,
    status,
    consecutive_errors,
    generation,
    kept_by_deltas,
    last_refresh_at,
    last_error_message,
    last_error_at,
    created_at,
    updated_at,
    column_count = updated_at
};

enum class Status { initializing, active, suspended, error };
const char *name_of(Status status); /* INITIALIZING … */

struct StateRow {
    bool is_populated = false;
    bool needs_reinit = false; /* a mark says so */
    std::string reinit_reason;
    std::vector<MarkId> marks; /* those that were seen */
    Status status = Status::initializing;
    std::string frontier; /* pg_snapshot's text; empty: none */
    uint64_t own_xid = 0;
    int32_t own_seq = 0;
    int64_t system_identifier = 0;
    TimestampTz data_timestamp = 0;
    int32_t consecutive_errors = 0;
    int64_t generation = 0; /* with the marks that were seen */
    std::optional<bool> kept_by_deltas; /* unknown before its first fill */
    TimestampTz last_refresh_at = 0; /* times: 0 for none */
    std::string last_error_message;
    TimestampTz last_error_at = 0;
    TimestampTz created_at = 0;
    TimestampTz updated_at = 0;
    TransactionId written_by = InvalidTransactionId; /* somebody else, who has not ended */
};

/* A row and its marks as PostgreSQL frames read them; texts lie in the memory context current at the call. */
struct SeenRow {
    bool exists = false;
    bool is_own = false; /* this transaction wrote the row: it created, altered or refreshed the stream table */
    bool is_populated = false;
    bool needs_reinit = false;
    Status status = Status::initializing;
    char *frontier = nullptr; /* as text; null: none */
    uint64 own_xid = 0;
    int32 own_seq = 0;
    TimestampTz data_timestamp = DT_NOBEGIN; /* when the frontier's snapshot was taken */
};

/* OIDs of the two tables; InvalidOid when the extension is not in this database.
 * PostgreSQL frames; two syscache look-ups each. */
Oid state_table();
Oid dependency_table();

/* What a refresh of `relid`, or an alteration of its row, locks exclusively to the end of its transaction. PostgreSQL frame. */
LOCKTAG refresh_lock(Oid relid);

/* Reads the row under the snapshot, or the latest catalog snapshot. False: there is none. C++ frame. */
bool read(Oid relid, StateRow *row, Snapshot snapshot = nullptr);
/* The same row for a PostgreSQL frame; what this transaction did is seen without a snapshot. */
SeenRow seen_row(Oid relid, Snapshot snapshot = nullptr);

/* The writers below are PostgreSQL frames. update() sets the columns c where
 * replaces[c - 1], and updated_at; it raises if there is no row, and ends with
 * CommandCounterIncrement(). */
void insert(Oid relid);
void update(Oid relid, Datum values[column_count], bool nulls[column_count], bool replaces[column_count]);
/* The same, but the status of one that is suspended stays: whoever suspends it does not wait for its refresh. Returns whether it is. */
bool update_after_refresh(Oid relid, Datum values[column_count], bool nulls[column_count], bool replaces[column_count]);
struct Before {
    bool is_populated;
    bool was_suspended;
};
/* Suspends it, or ends that, as somebody says; its errors are forgotten. One that has no rows becomes ACTIVE by its first refresh.
 * Returns what its newest row says, which somebody else may have written since the caller looked. */
Before set_suspended(Oid relid, bool is_suspended);
void remove(Oid relid);
/* The storage is empty again: unpopulated, without a frontier, and marked by nothing. */
void forget_rows(Oid relid);
/* Removes marks that a refresh, or who makes the stream table anew, has seen. The generation stays what it was with them. */
void take_in_marks(Oid relid, const MarkId *marks, int count);

/* Of each stream table, what tells whether anything about it has changed. Trivial, as it is made by a PostgreSQL frame. */
struct Glance {
    Oid relid;
    int64_t generation; /* with marks */
    int32_t consecutive_errors;
    bool is_populated;
    TimestampTz data_timestamp; /* 0: unpopulated */
    char status[16];
};
/* All of this database, by one scan, palloc'ed; `count` says how many. PostgreSQL frame. */
Glance *glance_at_all(int *count);

/* Relids of all stream tables of this database (allocated List of OIDs). PostgreSQL frame. */
List *all_stream_tables();

/* pgt_dependency. columns: attribute numbers, ascending. PostgreSQL frames. */
void insert_dependency(Oid relid, Oid source_relid, int position, const int16 *columns, int column_count, bool is_captured);
/* Whether changes of the source are captured for `relid`. */
void set_captured(Oid relid, Oid source_relid, bool is_captured);
void remove_dependencies(Oid relid);
/* What relid reads directly (List of OIDs), in no order. */
List *sources_of(Oid relid);
/* Stream tables that read source_relid directly, ascending (List of OIDs). */
List *readers_of(Oid source_relid);
/* Those for which its changes are captured: they read its log. */
List *log_readers_of(Oid source_relid);

/* Invalidates what processes know of the stream tables that are refreshed together (refresh/sets), by way of the relation cache's
 * entry of pgt_dependency. To be called before a dependency, an option or a group is written that decides it, in the same
 * transaction. Does nothing where the extension is not. PostgreSQL frame. */
void invalidate_refresh_sets();

} // namespace pgtrickle::state
