/*
 * The rows of pgtrickle.pgt_source and pgtrickle.pgt_source_format, and the packed form of a row that a
 * format describes.
 *
 * All functions are PostgreSQL frames; results are allocated in the current memory context. Writers take lock_capture()
 * before they read the row, and hold it to the end of their transactions. Only what drops the source or the extension
 * does not take it: it has AccessExclusive on the source, and removes the row from under a writer, which then fails.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "access/sysattr.h"
#include "access/tupdesc.h"
#include "storage/lock.h"
#include "storage/lockdefs.h"
#include "utils/snapshot.h"
}

#include <initializer_list>

namespace pgtrickle::capture {

constexpr int segment_count = 3;

/* The only system column that formats and consumers may list beside plain columns. */
constexpr AttrNumber table_oid_column = TableOidAttributeNumber;

struct SourceRow {
    Oid relid;
    Oid segments[segment_count];
    Oid files[segment_count]; /* relfilenodes when the segments were made or emptied: see new_rows.hpp */
    int16 current_segment;
    int16 version;
    bool is_active;
    uint64 trim_horizon;    /* 0: none */
    uint64 standby_horizon; /* 0: none */
    bool was_unlogged;      /* rows of it are, or were, in an unlogged table */
    /* Texts of pg_snapshots, of when no stream table was found to need a segment; null: none was taken. */
    const char *unneeded[segment_count];
    TransactionId xmin; /* that wrote this version of the row; set by find_source() */
};

enum SourceColumn {
    s_relid = 1,
    s_segments,
    s_files,
    s_current,
    s_version,
    s_active,
    s_horizon,
    s_standby_horizon,
    s_unlogged,
    s_unneeded,
    s_count = s_unneeded
};

/* One format version: which columns a chunk contains, and their layout. */
struct Format {
    int16 version;
    int column_count;
    AttrNumber *attnums; /* ascending */
    TupleDesc packed;    /* physical layout only: for forming and deforming, never for output */
    Oid *types;
    int32 *typmods;
};

/* Serializes starting and stopping capture of a source; held to the end of the transaction, so that neither
 * side overlooks uncommitted work of the other. Taken after the lock on the source itself. */
void lock_capture(Oid source);
bool lock_capture_if_free(Oid source);
void unlock_capture(Oid source); /* of a transaction that has changed nothing under it */
/* Announces that a stream table of this transaction is going to read the log of `source`: until the end of
 * the transaction its capture does not end for lack of dependents. Shared. */
void claim(Oid source);
/* Returns false if another transaction has claimed the source. Otherwise prevents claims until this
 * transaction ends. */
bool lock_unclaimed(Oid source);
/* Whether another transaction has claimed the source, and may define a stream table that reads its log. */
bool is_claimed_by_others(Oid source);
/* Serializes, to the end of the transaction, the transactions that add a relation with rows to the tree of
 * `source`. Refreshes that read the tree under one snapshot take it in a shared mode while they do. The locks
 * on relations do not suffice: ATTACH takes ShareUpdateExclusive on the parent, which does not conflict with
 * readers, and the added rows are visible under their snapshots. */
void lock_tree(Oid source, LOCKMODE mode);
bool lock_tree_if_free(Oid source, LOCKMODE mode);
LOCKTAG lock_of_tree(Oid source);
void unlock_tree(Oid source, LOCKMODE mode);

/* OID of pgtrickle.pgt_source; InvalidOid if the extension is not installed in this database. */
Oid source_table();

/* Returns false if `relid` is not captured, or its log is gone. */
bool find_source(Oid relid, SourceRow *row);
/* As find_source(), but the row is that which `snapshot` sees, except for the horizons: a segment that was emptied is
 * empty for all snapshots. Returns false unless the source is captured, and was
 * when the snapshot was taken, with the same log: otherwise a frontier that the snapshot sees may be older than a time
 * in which changes were not logged. */
bool find_captured(Oid relid, Snapshot snapshot, SourceRow *row);
/* Returns true if the source is captured, and has been all the time since the snapshot was taken. */
bool is_captured_since(Oid relid, Snapshot snapshot);
void insert_source(const SourceRow *row);
/* Writes these columns, and leaves the others as the latest version has them. Raises 40001 if the row was removed. */
void update_source(const SourceRow *row, std::initializer_list<SourceColumn> changed);
void remove_source(Oid relid); /* with its formats; the log remains */
/* OIDs of all captured sources of this database (palloc'ed List). */
List *captured_sources();

/* Returns the column numbered `attnum`; nullptr if there is none, or it was dropped. tableoid, the only
 * system column that is logged, has a negative number. */
const FormData_pg_attribute *column_numbered(TupleDesc descriptor, AttrNumber attnum);
/* As column_numbered(), for the name, by the catalogs. (get_attname() has a name for a dropped column, too.) */
char *column_name(Oid relid, AttrNumber attnum);

/* Returns the formats of the source as a List, in no order. */
List *formats_of(Oid relid);
/* Returns nullptr if there is no such version. */
Format *find_format(Oid relid, int16 version);
/* Stores a description of the columns as they are now as `version`. */
void insert_format(Oid relid, int16 version, const AttrNumber *attnums, int column_count);

} // namespace pgtrickle::capture
