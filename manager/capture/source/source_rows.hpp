/*
 * The rows of pgtrickle.pgt_source and pgtrickle.pgt_source_format, and the packed form of
 * a row that a format describes.
 *
 * PostgreSQL frames throughout; results live in the current memory context. Writers hold
 * lock_capture() to the end of their transactions, or AccessExclusive on the source.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "access/sysattr.h"
#include "access/tupdesc.h"
#include "storage/lockdefs.h"
}

namespace pgtrickle::capture {

constexpr int segment_count = 3;

/* Format and consumers' columns may name it beside the numbers of plain columns. */
constexpr AttrNumber table_oid_column = TableOidAttributeNumber;

struct SourceRow {
    Oid relid;
    Oid segments[segment_count];
    int16 current_segment;
    int16 version;
    bool is_active;
    uint64 trim_horizon; /* 0: none */
};

/* One version: which columns a chunk holds, and how they lie in it. */
struct Format {
    int16 version;
    int column_count;
    AttrNumber *attnums; /* ascending */
    TupleDesc packed;    /* physical layout only: for forming and deforming, never for output */
    Oid *types;
    int32 *typmods;
};

/* Whoever has the source captured, or asks whether it is to be captured any longer, is alone with that until
 * the transaction ends: neither sees what the other has not committed. Taken after the lock on the source itself. */
void lock_capture(Oid source);
bool lock_capture_if_free(Oid source);
/* A stream table of this transaction is going to read the log of `source`: until the end of the transaction its capture does not end
 * for want of readers. Shared. */
void claim(Oid source);
/* False: another transaction has claimed it. Else it cannot be claimed until this transaction ends. */
bool lock_unclaimed(Oid source);
/* Whoever brings rows to the tree of `source` by way of a relation that has them already is alone, to the end of the
 * transaction; those who read the tree under one snapshot share it while they do: its locks on relations are none of their business
 * (ATTACH takes ShareUpdateExclusive on the parent), and the rows show through their snapshot. */
void lock_tree(Oid source, LOCKMODE mode);
void unlock_tree(Oid source, LOCKMODE mode);

/* OID of pgtrickle.pgt_source; InvalidOid when the extension is not in this database. */
Oid source_table();

/* False when `relid` is not captured, or its log is gone. */
bool find_source(Oid relid, SourceRow *row);
void insert_source(const SourceRow *row);
void update_source(const SourceRow *row);
void remove_source(Oid relid); /* with its formats; the log stays */
/* OIDs of everything that is captured in this database (palloc'ed List). */
List *captured_sources();

/* The column numbered `attnum`: tableoid, which alone of the system columns is logged, has a
 * negative number. nullptr when there is none, or it was dropped. */
const FormData_pg_attribute *column_numbered(TupleDesc descriptor, AttrNumber attnum);

/* nullptr when there is no such version. */
Format *find_format(Oid relid, int16 version);
/* Describes the columns as they are now, and stores that as `version`. */
void insert_format(Oid relid, int16 version, const AttrNumber *attnums, int column_count);

} // namespace pgtrickle::capture
