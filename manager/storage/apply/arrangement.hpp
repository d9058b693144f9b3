/*
 * An arrangement opened for writing: the heap, its indexes, and the facts of its layout.
 *
 * Writes go below the executor (table access method and index insertion): replica
 * identity, triggers and privileges are for users' tables; a refresh holds the stream
 * table's object lock, so nobody else writes here. Look-ups go by pgt_hash under the active
 * snapshot and recheck the identity. Within one apply each identity is looked up and
 * written once, because the snapshot does not see this command's own writes.
 *
 * Lives from open() to close() in the memory context that was current at open(). All
 * functions are PostgreSQL frames; if one ereports, transaction abort releases what was open.
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

/* The facts of a step that apply needs, without C++ owners. Positions are 0-based and
 * number the physical columns; pgt_hash, which comes last, is not counted. */
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
    TupleDesc descriptor;      /* physical columns and pgt_hash */
    Identity identity;
    ResultRelInfo *result_info;
    EState *executor_state;
    IndexScanDesc scan;        /* on pgt_hash */
    TupleTableSlot *found;     /* the row that next_with_hash() found */
    TupleTableSlot *write_slot;
    Datum *identity_values;    /* scratch for gather() */
    bool *identity_nulls;
};

Arrangement *open_arrangement(Oid heap, const StepFacts &facts);
void close_arrangement(Arrangement *arrangement);

/* The identity columns of a physical row, into the arrangement's scratch arrays. */
void gather_identity(Arrangement *arrangement, const Datum *values, const bool *nulls);

/* Rows whose hash is `hash`, one by one into arrangement->found, deformed. */
void start_lookup(Arrangement *arrangement, int64 hash);
bool next_with_hash(Arrangement *arrangement);

/* Whether the row of that hash that this process wrote last is still there; in arrangement->found then. Of groups only. */
bool find_known(Arrangement *arrangement, int64 hash);

/* `values`/`nulls`: physical columns; `hash` becomes pgt_hash. */
void insert_row(Arrangement *arrangement, const Datum *values, const bool *nulls, int64 hash);
void update_row(Arrangement *arrangement, ItemPointer tid, const Datum *values, const bool *nulls, int64 hash);
void delete_row(Arrangement *arrangement, ItemPointer tid);

} // namespace pgtrickle::storage
