/*
 * The storage that a stream table is served from, and the mapping of its columns.
 *
 * Entries are kept in each backend and found by OID, never by name. Relcache invalidation of the foreign
 * table or of its storage drops them. A look-up that finds an entry costs one hash probe at most.
 *
 * Columns are matched by position: the live columns of the foreign table are, in order, the declared columns
 * of the storage (names of hidden ones start with pgt_), with the same names and types. A storage that does
 * not match its foreign table is an error (55000), never a guess.
 *
 * All functions are PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"
#include "scheduler/time/schedule.hpp"

extern "C" {
#include "nodes/plannodes.h"
#include "utils/snapshot.h"
}

#include <type_traits>

namespace pgtrickle {

struct ServedRelation {
    Oid relid; /* the key */
    bool is_valid;
    bool was_forgotten; /* invalidated since it was last filled */
    bool is_stream_table;
    bool has_children;        /* other relations inherit from it, or did */
    bool has_dropped_columns; /* of the foreign table */
    Oid storage;              /* invalid: there is none */
    int column_count;         /* of the foreign table, dropped ones included */
    AttrNumber *columns;      /* column of the storage for each of them, 0 if dropped; owned by the entry */
    bool has_same_numbers;    /* each column has the same number in the storage */
    scheduler::Schedule schedule;
    bool is_immediate;
    bool is_time_dependence_known; /* whether the next two have been determined */
    bool is_time_dependent;
    bool may_read_tables; /* functions of the query may read some that are no sources */
};

/* Required for entries of a PostgreSQL hash table, which does not call constructors. */
static_assert(std::is_trivially_copyable_v<ServedRelation>);

/* Returns the entry of `relid`, or null if it is no stream table, or no longer one: a caller that does not hold a
 * lock on it may have to wait for one. The result is valid until the next look-up. */
const ServedRelation *find_served_relation(Oid relid);
/* As storage::served_from(): returns the stream table of a storage, or of a partition of one, without a look into the
 * catalogs if its entry is there. */
Oid served_from_storage(Oid heap);
/* As storage::is_heap(), likewise. */
bool is_storage_heap(Oid heap);
/* As find_served_relation(), for a stream table that is about to be read: locks the storage in AccessShare to
 * the end of the transaction. Raises 55000 if there is no storage to read, or if the library was not
 * preloaded. */
const ServedRelation *served_relation_to_read(Oid relid);

/* Returns the stream tables that a plan reads, each once, palloc'ed; null if there are none. The flat range
 * table contains them on both read routes. */
Oid *stream_tables_of(const PlannedStmt *plan, int *count);

/* Returns true if the storage, which must exist, has the columns of the stream table. */
bool fits_its_storage(Oid relid);

/* Returns true for a stream table with a schedule of its own that is not always fresh: what reads it need not refresh
 * it. */
bool keeps_own_schedule(Oid relid);

/* Returns true if the answer of the query can change without a captured change of the relations that it reads
 * directly. The first call analyses the query, and locks the stream table for that: it may be an upstream that is
 * being altered or dropped. */
bool is_time_dependent(Oid relid);
/* Returns true if the rows that the snapshot sees may not be the answer of the query although no source has a change
 * that they lack: it is time-dependent, or roles, which decide the policies in force and have no snapshot, may have
 * changed since the refresh that stored the rows. */
bool may_differ_without_change(Oid relid, Snapshot snapshot);
/* Returns true if functions of the query may read tables that are not known. Otherwise as is_time_dependent(). */
bool may_read_unknown_tables(Oid relid);

/* Registers the invalidation callback. Called once, by _PG_init. */
void register_served_relations();

} // namespace pgtrickle
