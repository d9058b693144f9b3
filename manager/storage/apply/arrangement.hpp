/*
 * An arrangement opened for writing, or for look-ups only: the heap, its indexes, and the facts of its layout.
 *
 * A partitioned storage has its rows in partitions (storage/partitions.hpp), which are opened when a row of them is
 * looked up or written. The partition of a row follows from its place, so that a look-up reads one partition; a row
 * whose partition changes is deleted and inserted.
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
#include "storage/ranges.hpp"

extern "C" {
#include "access/genam.h"
#include "access/relscan.h"
#include "access/skey.h"
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
    const int *shown_keys; /* of the same count, as in engine::Step */
    int count_column;
    int found_by_count; /* 0: rows are found by pgt_hash */
    const int *found_by;
    RangeWidth ranges; /* of the partitions; none: the heap is not partitioned by ranges */
};

/* A heap that has rows of an arrangement: its own, or one of its partitions. */
struct RowHeap {
    Relation heap;
    ResultRelInfo *result_info; /* null: for look-ups only */
    Relation own_index;         /* open for look-ups only; else null */
    IndexScanDesc scan;         /* on pgt_hash, or on the columns by which rows are found */
    ScanKeyData *scan_keys;
    RowHeap *next;
};

/* A row with a key that another row has, or had, in a unique index (uniqueness.hpp). */
struct PossibleDuplicate;

/* Where a stored row is. */
struct RowAddress {
    Oid heap;
    ItemPointerData tid;
};

struct Arrangement {
    StepFacts facts;
    LOCKMODE lock_mode; /* of its relations */
    MemoryContext context;
    Relation heap;        /* has no rows itself if it is partitioned */
    TupleDesc descriptor; /* physical columns, and pgt_hash if rows are found by it */
    Identity identity;
    Identity place;       /* the columns by which rows are found; the identity itself, if they are found by pgt_hash */
    int *place_positions; /* of its columns */
    int *place_in_delta;  /* their positions in a delta: that of groups begins with the key */
    EState *executor_state;
    RowHeap *row_heaps;     /* those that are open */
    RowHeap *current;       /* the one that was used last */
    int partition_count;    /* of partition columns; 0: the heap is not partitioned */
    int *partition_in_row;  /* their positions in a row */
    int *partition_in_key;  /* their positions in the key of a group */
    bool has_rows_to_place; /* rows of ranges without a partition were written (placement.hpp) */
    PossibleDuplicate *possible_duplicates;
    TupleTableSlot *found; /* the row found by next_found() or find_known() */
    TupleTableSlot *write_slot;
    Datum *identity_values; /* scratch memory of gather_identity() and start_lookup_of_row() */
    bool *identity_nulls;
};

/* For look-ups only, `lock_mode` is AccessShareLock, and otherwise RowExclusiveLock. */
Arrangement *open_arrangement(Oid heap, const StepFacts &facts, LOCKMODE lock_mode = RowExclusiveLock);
void close_arrangement(Arrangement *arrangement);

/* Copies the identity columns of a physical row into the arrangement's scratch arrays. */
void gather_identity(Arrangement *arrangement, const Datum *values, const bool *nulls);

/* Return one by one, in arrangement->found and deformed, the rows of a place, and possibly others. `values` and
 * `nulls` are the key of a group, or a physical row; `hash` is the hash of the place. */
void start_lookup_of_key(Arrangement *arrangement, const Datum *values, const bool *nulls, int64 hash);
void start_lookup_of_row(Arrangement *arrangement, const Datum *values, const bool *nulls, int64 hash);
bool next_found(Arrangement *arrangement);
/* Whether two physical rows have the same place. */
bool is_same_place(const Arrangement *arrangement, const Datum *a, const bool *a_null, const Datum *b,
                   const bool *b_null);

/* Whether the group with that key, which has that hash, that this process wrote last is still visible; returns its
 * row, or another one, in arrangement->found. */
bool find_known(Arrangement *arrangement, const Datum *values, const bool *nulls, int64 hash);
/* Returns where the row of a slot that was read from the arrangement is. */
RowAddress address_of(const TupleTableSlot *stored);

/* Return an open heap of the arrangement: this one; the one in which a physical row belongs. */
RowHeap *row_heap_of(Arrangement *arrangement, Oid heap);
RowHeap *row_heap_for(Arrangement *arrangement, const Datum *values, const bool *nulls);
/* Whether the range of the row could have a partition; returns the range. */
bool has_range_of_its_own(const Arrangement *arrangement, const Datum *values, const bool *nulls, Range *range);

/* `values` and `nulls` are physical columns; `hash` is that of their place, and becomes pgt_hash where rows are
 * found by it. */
void insert_row(Arrangement *arrangement, const Datum *values, const bool *nulls, int64 hash);
void update_row(Arrangement *arrangement, RowAddress stored, const Datum *values, const bool *nulls, int64 hash);
void delete_row(Arrangement *arrangement, RowAddress stored);

} // namespace pgtrickle::storage
