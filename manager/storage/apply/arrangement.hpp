/*
 * An arrangement opened for writing: the heap, its indexes, and the facts of its layout.
 *
 * Writes bypass the executor and use the table access method and index insertion: replica identity, triggers
 * and privileges are for users' tables. A refresh holds the object lock of the stream table, so no other
 * process writes here. Look-ups use pgt_hash under the active snapshot and recheck the identity. Within one
 * apply each identity is looked up and written once, because the snapshot does not see this command's own
 * writes.
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
 * columns without pgt_hash, which is the last one. */
struct StepFacts {
    RowLayout layout;
    int column_count;
    int output_count;
    int key_count;
    const int *key;
    int count_column;
};

struct Arrangement {
    StepFacts facts;
    Relation heap;
    TupleDesc descriptor; /* physical columns and pgt_hash */
    Identity identity;
    ResultRelInfo *result_info;
    EState *executor_state;
    IndexScanDesc scan;    /* on pgt_hash */
    TupleTableSlot *found; /* the row found by next_with_hash() or find_known() */
    TupleTableSlot *write_slot;
    Datum *identity_values; /* scratch memory of gather_identity() */
    bool *identity_nulls;
};

Arrangement *open_arrangement(Oid heap, const StepFacts &facts);
void close_arrangement(Arrangement *arrangement);

/* Copies the identity columns of a physical row into the arrangement's scratch arrays. */
void gather_identity(Arrangement *arrangement, const Datum *values, const bool *nulls);

/* Return the rows whose hash is `hash` one by one in arrangement->found, deformed. */
void start_lookup(Arrangement *arrangement, int64 hash);
bool next_with_hash(Arrangement *arrangement);

/* Whether the row with that hash that this process wrote last is still visible; returns it in
 * arrangement->found. For layout groups only. */
bool find_known(Arrangement *arrangement, int64 hash);

/* `values` and `nulls` are physical columns; `hash` becomes pgt_hash. */
void insert_row(Arrangement *arrangement, const Datum *values, const bool *nulls, int64 hash);
void update_row(Arrangement *arrangement, ItemPointer tid, const Datum *values, const bool *nulls, int64 hash);
void delete_row(Arrangement *arrangement, ItemPointer tid);

} // namespace pgtrickle::storage
