/*
 * What a stream table is served from: its storage, and which column of it is which.
 *
 * Kept per backend and found by OID, never by name; entries are dropped by relcache
 * invalidation of the foreign table or of its storage. A look-up that finds an entry costs
 * one hash probe.
 *
 * Columns are matched by position: the live columns of the foreign table are, in order, the
 * declared columns of the storage (hidden ones start with pgt_), of the same names and types. A storage that does not
 * fit its foreign table is an error (55000), never a guess.
 *
 * All functions are PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"
#include "scheduler/time/schedule.hpp"

#include <type_traits>

namespace pgtrickle {

struct ServedRelation {
    Oid relid; /* the key */
    bool is_valid;
    bool was_forgotten; /* since it was last filled */
    bool is_stream_table;
    bool has_children;        /* other tables inherit from it, or did */
    bool has_dropped_columns; /* of the foreign table */
    Oid serves;               /* of an entry for a storage: its stream table; else invalid */
    Oid storage;              /* invalid: there is none */
    int column_count;         /* of the foreign table, dropped ones included */
    AttrNumber *columns;      /* storage column of each, 0 for dropped; the entry owns it */
    scheduler::Schedule schedule;
    bool is_rest_known;       /* whether the next one has been found out */
    bool is_time_dependent;
};

/* Entries of a hash table of PostgreSQL, which knows no constructors. */
static_assert(std::is_trivially_copyable_v<ServedRelation>);

/* Null when `relid` is no stream table. The result is good until the next look-up. */
const ServedRelation *find_served_relation(Oid relid);
/* The same, for a stream table that is about to be read; locks the storage in AccessShare
 * to the end of the transaction. Raises 55000 when there is no storage to read, or when the
 * library was not preloaded. */
const ServedRelation *served_relation_to_read(Oid relid);

/* Whether its storage, which exists, has the columns of the stream table. */
bool fits_its_storage(Oid relid);

/* Whether its query may have another answer without a change of what it reads directly. Costs an analysis of the query, the
 * first time. */
bool is_time_dependent(Oid relid);

/* Called once, by _PG_init. */
void register_served_relations();

} // namespace pgtrickle
