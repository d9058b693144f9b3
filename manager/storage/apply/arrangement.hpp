/*
 * An arrangement opened for writing: the heap, its indexes, and the facts of its layout.
 *
 * Writes bypass the executor and use the table access method and index insertion: replica identity, triggers
 * and privileges are for users' tables. A refresh holds the object lock of the stream table, so no other
 * process writes here. Look-ups use the place of a row, pgt_hash or columns of the step, under the active snapshot
 * and recheck the identity. Within one apply each place is looked up before any of its rows is written, because
 * the snapshot does not see this command's own writes.
 *
 * The object lives from open_arrangement() to close_arrangement() in the memory context that was current at
 * the former. All functions are PostgreSQL frames; after an error, transaction abort releases the open
 * relations.
 */
#pragma once

#include "storage/apply/identity.hpp"

extern "C" {
#include "access/genam.h"
#include "access/relscan.h"
#include "nodes/execnodes.h"
}

namespace pgtrickle::storage {

enum class RowLayout { rows, groups };

/* The facts of a step that apply needs, without C++ owners. Positions are 0-based and count the physical
 * columns without pgt_hash, which is the last one where rows are found by it. */
struct StepFacts {
    RowLayout layout;
    int column_count;
    int output_count;
    int key_count;
    const int *key;
    int count_column;
    int found_by_count; /* 0: rows are found by pgt_hash */
    const int *found_by;
};

struct Arrangement {
    StepFacts facts;
    Relation heap;
    TupleDesc descriptor; /* physical columns, and pgt_hash if rows are found by it */
    Identity identity;
    Identity place;       /* the columns by which rows are found; the identity itself, if they are found by pgt_hash */
    int *place_positions; /* of its columns */
    int *place_in_delta;  /* their positions in a delta: that of groups begins with the key */
    ResultRelInfo *result_info;
    EState *executor_state;
    IndexScanDesc scan; /* on pgt_hash, or on the columns by which rows are found */
    ScanKeyData *scan_keys;
    TupleTableSlot *found; /* the row found by next_found() or find_known() */
    TupleTableSlot *write_slot;
    Datum *identity_values; /* scratch memory of gather_identity() and start_lookup_of_row() */
    bool *identity_nulls;
};

Arrangement *open_arrangement(Oid heap, const StepFacts &facts);
void close_arrangement(Arrangement *arrangement);

/* Copies the identity columns of a physical row into the arrangement's scratch arrays. */
void gather_identity(Arrangement *arrangement, const Datum *values, const bool *nulls);

/* Return one by one, in arrangement->found and deformed, the rows of a place, and possibly others. `values` and
 * `nulls` are those of the place's columns, or of a physical row; `hash` is the hash of the place. */
void start_lookup(Arrangement *arrangement, const Datum *values, const bool *nulls, int64 hash);
void start_lookup_of_row(Arrangement *arrangement, const Datum *values, const bool *nulls, int64 hash);
bool next_found(Arrangement *arrangement);
/* Whether two physical rows have the same place. */
bool is_same_place(const Arrangement *arrangement, const Datum *a, const bool *a_null, const Datum *b,
                   const bool *b_null);

/* Whether the row with that hash that this process wrote last is still visible; returns it, or another row, in
 * arrangement->found. For layout groups only. */
bool find_known(Arrangement *arrangement, int64 hash);

/* `values` and `nulls` are physical columns; `hash` is that of their place, and becomes pgt_hash where rows are
 * found by it. */
void insert_row(Arrangement *arrangement, const Datum *values, const bool *nulls, int64 hash);
void update_row(Arrangement *arrangement, ItemPointer tid, const Datum *values, const bool *nulls, int64 hash);
void delete_row(Arrangement *arrangement, ItemPointer tid);

} // namespace pgtrickle::storage
