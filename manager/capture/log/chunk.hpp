/*
 * Packs rows into chunks and writes chunks to a segment.
 *
 *   chunk:  entry, entry, …          each MAXALIGNed
 *   entry:  a MinimalTuple whose t_len contains the weight: top bit set: -1, clear: +1
 *
 * PostgreSQL frames. A ChunkWriter is plain memory. It keeps a segment and its indexes open from the first
 * chunk to close_chunk_writer(); the locks are held to the end of the transaction.
 */
#pragma once

#include "capture/source/routing.hpp"

extern "C" {
#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
}

namespace pgtrickle::capture {

constexpr Size chunk_capacity = 8000;              /* a chunk and its heap tuple fill a page */
constexpr Size overflow_limit = 256 * 1024 * 1024; /* a larger row becomes a marker */
constexpr uint32 minus_bit = 0x80000000;

struct ChunkWriter {
    const Target *target;
    MemoryContext memory; /* of open_chunk_writer(); append_row() may run in a shorter-lived context */
    Relation segment;     /* nullptr until the first chunk is written */
    Relation *indexes;    /* nullptr until a row needs an entry */
    int index_count;
    IndexInfo *index_info; /* of each of them */
    BulkInsertState bulk;  /* from the second chunk on */
    char *buffer;          /* a row of the segment; its data, the entries, begin MAXALIGNed */
    Size capacity;         /* of the data, at most chunk_capacity */
    Size used;
    int rows;
    Datum *values; /* of the row being packed; it and the two arrays below lie behind the structure */
    bool *nulls;
    bool *is_copy; /* values[i] is a detoasted copy */
};

ChunkWriter *open_chunk_writer(const Target *target);
/* `values` and `nulls` are indexed by the written relation's column numbers minus one. `weight` is 1 or
 * -1. */
void append_row(ChunkWriter *writer, const Datum *values, const bool *nulls, int weight);
void append_marker(ChunkWriter *writer, const char *reason);
/* Whether the two rows agree in every logged column, by image. */
bool is_same_image(const Target *target, const Datum *a, const bool *a_nulls, const Datum *b, const bool *b_nulls);
void close_chunk_writer(ChunkWriter *writer);

/* A log to which a statement may write rows. */
struct Sink {
    const Target *target;
    ChunkWriter *writer; /* nullptr until there is a row */
};

/* Whether rows can be written to the log; otherwise writes a marker. */
bool is_loggable(const Target *target);
/* As append_row(), of a row of the written relation, of which all logged columns are deformed. */
void log_row(Sink *sink, const TupleTableSlot *row, int weight);
/* Logs a row that was deleted or inserted, or the two images of one that was updated where a logged column differs;
 * either may be null. */
void log_change(Sink *sinks, int count, const TupleTableSlot *old_row, const TupleTableSlot *new_row);
void close_sink(Sink *sink);

/* Number of the last chunk that this transaction wrote to any log; 0 if there is none. For
 * Frontier::of_snapshot(). C++ frames may call it, as it raises nothing. */
int32_t own_seq();

} // namespace pgtrickle::capture
