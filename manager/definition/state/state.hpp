/*
 * The rows of pgtrickle.pgt_state and pgtrickle.pgt_dependency, read and written as heaps: no privileges are
 * checked, and no SPI is needed. Marks (marks.hpp) are read with the row of their stream table.
 *
 * The functions marked "PostgreSQL frame" may ereport, and C++ frames call them through call(). A writer
 * holds the stream table's object lock (a refresh) or AccessExclusive on the foreign table (DDL); a
 * transaction that has neither writes marks.
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

/* Column numbers of pgt_state, for callers that update single columns of a row. */
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
    is_incremental,
    collation_versions,
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
    bool needs_reinit = false; /* a mark says so, or has_other_collations */
    /* The rows were computed under other versions of collations (collation_versions.hpp). */
    bool has_other_collations = false;
    bool needs_setup = false; /* a mark says so: the refresh replaces the heaps, for which it excludes readers */
    std::string reinit_reason;
    std::vector<MarkId> marks; /* the marks that were visible */
    Status status = Status::initializing;
    std::string frontier; /* pg_snapshot's text; empty: none */
    uint64_t own_xid = 0;
    int32_t own_seq = 0;
    int64_t system_identifier = 0;
    TimestampTz data_timestamp = 0;
    int32_t consecutive_errors = 0;
    int64_t generation = 0;             /* including the visible marks */
    std::optional<bool> is_incremental; /* unknown before the first fill */
    TimestampTz last_refresh_at = 0;    /* times: 0 for none */
    std::string last_error_message;
    TimestampTz last_error_at = 0;
    TimestampTz created_at = 0;
    TimestampTz updated_at = 0;
    TransactionId written_by = InvalidTransactionId; /* another transaction that is changing the row, still in
                                                      * progress; else invalid */
};

/* A row and its marks, for PostgreSQL frames; texts are in the memory context that is current at the call. */
struct VisibleRow {
    bool exists = false;
    bool is_own = false; /* this transaction wrote the row: it created, altered or refreshed the stream table */
    bool is_populated = false;
    /* The stored rows cannot be continued. Under the snapshot of a transaction, also if the definition, or a function
     * that the query calls, has been replaced since: functions have no snapshot; or if this transaction has filled the
     * stream table as of a later moment. */
    bool needs_reinit = false;
    bool needs_setup = false; /* a mark says so */
    Status status = Status::initializing;
    char *frontier = nullptr; /* as text; null: none */
    uint64 own_xid = 0;
    int32 own_seq = 0;
    TimestampTz data_timestamp = DT_NOBEGIN; /* when the frontier's snapshot was taken */
};

/* OIDs of the two tables; InvalidOid if the extension is not in this database. PostgreSQL frames; two
 * syscache look-ups each. */
Oid state_table();
Oid dependency_table();

/* Returns the lock that a refresh of `relid`, or a change of its row, takes exclusively to the end of its
 * transaction. PostgreSQL frame. */
LOCKTAG refresh_lock(Oid relid);

/* Returns the lock that a transaction which alters options without AccessExclusive takes exclusively to its end, and
 * the manager shared while it reads the definition. PostgreSQL frame. */
LOCKTAG definition_lock(Oid relid);

/* Reads the row under the snapshot, or under the latest catalog snapshot. Returns false if there is no row.
 * C++ frame. */
bool read(Oid relid, StateRow *row, Snapshot snapshot = nullptr);
/* Reads the row for a PostgreSQL frame. Without a snapshot, changes of this transaction are visible. */
VisibleRow visible_row(Oid relid, Snapshot snapshot = nullptr);
/* Returns the generation of the definition, including the visible marks; 0 if there is no row. PostgreSQL frame. */
int64_t visible_generation(Oid relid, Snapshot snapshot = nullptr);

/* The writers below are PostgreSQL frames. */
void insert(Oid relid);
/* Sets the columns c for which replaces[c - 1] is true, and updated_at. Keeps the status of a suspended stream table,
 * because a session that suspends it does not wait for its refresh; returns true then. Raises an error if there is no
 * row, and ends with CommandCounterIncrement(). */
bool update_after_refresh(Oid relid, Datum values[column_count], bool nulls[column_count], bool replaces[column_count]);
struct Before {
    bool is_populated;
    bool was_suspended;
};
/* Suspends or resumes the stream table and resets its error count. An unpopulated one becomes ACTIVE by its
 * first refresh. Returns the former values of the row's latest version, which another transaction may have
 * written since the caller read the row. */
Before set_suspended(Oid relid, bool is_suspended);
void remove(Oid relid);
/* Records that the storage is empty again: unpopulated, without a frontier and without marks. */
void set_unpopulated(Oid relid);
/* Gives `relid` the state of the contents that its successor has (setup/successor.hpp). It stays suspended if it is,
 * and keeps its marks. */
void take_over(Oid relid, Oid successor);
/* Removes marks that a refresh, or the replacement of the definition, has applied, and adds their number to
 * the generation, which stays the same in sum. */
void remove_applied_marks(Oid relid, const MarkId *marks, int count);

/* Returns the OIDs of a list of the functions below. C++ frame. */
std::vector<Oid> to_vector(const List *oids);

/* Rows of pgt_dependency. `columns`: attribute numbers, ascending. PostgreSQL frames. */
void insert_dependency(Oid relid, Oid source_relid, int position, const int16 *columns, int column_count,
                       bool is_captured);
/* Records whether changes of the source are captured for `relid`. */
void set_captured(Oid relid, Oid source_relid, bool is_captured);
void remove_dependencies(Oid relid);
/* Returns the relations that relid reads directly (List of OIDs), in no particular order. */
List *sources_of(Oid relid);
/* Returns the stream tables that read source_relid directly (List of OIDs, ascending). */
List *dependents_of(Oid source_relid);
/* Returns the stream tables that read the log of source_relid, because its changes are captured for them. */
List *log_dependents_of(Oid source_relid);
/* Returns those that read it, but its changes are not captured for them. */
List *uncaptured_dependents_of(Oid source_relid);
/* Whether there are any. DROP of many stream tables of one source asks for each: the answer remembers the youngest one,
 * which is dropped last. */
bool has_log_dependents(Oid source_relid);

/* Invalidates what processes keep about the stream tables that are refreshed together (refresh/sets), and about what
 * each of them reads, through the relation cache's entry of pgt_dependency. The functions above that write dependencies
 * do so; otherwise it must be called before an option or a group that decides this is written, in the same transaction.
 * Does nothing if the extension is not in the database. PostgreSQL frame. */
void invalidate_refresh_sets();

} // namespace pgtrickle::state
