/*
 * Packing rows into chunks and putting chunks into a segment.
 *
 *   chunk:  entry, entry, …          each MAXALIGNed
 *   entry:  a MinimalTuple whose t_len carries the weight: top bit set: -1, clear: +1
 *
 * PostgreSQL frames. A ChunkWriter is plain memory; it holds an open segment and its index
 * from open to close; the locks stay to the end of the transaction.
 */
#pragma once

#include "capture/source/routing.hpp"

extern "C" {
#include "access/htup.h"
#include "access/genam.h"
#include "access/heapam.h"
#include "nodes/execnodes.h"
}

namespace pgtrickle::capture {

constexpr Size chunk_capacity = 8000;   /* a chunk and its heap tuple fill a page */
constexpr Size overflow_limit = 256 * 1024 * 1024; /* a row above this becomes a marker */
constexpr uint32 minus_bit = 0x80000000;

struct ChunkWriter {
    const Target *target;
    MemoryContext memory; /* of open: rows may be appended in one that is reset row by row */
    Relation segment; /* nullptr until the first chunk is written */
    Relation index;
    IndexInfo *index_info;
    BulkInsertState bulk; /* from the second chunk on */
    char *buffer;     /* a bytea; entries begin MAXALIGNed */
    Size used;
    int rows;
    Datum *values;    /* of the row being packed */
    bool *nulls;
    bool *is_copy;    /* values[i] was detoasted by us */
};

ChunkWriter *open_chunk_writer(const Target *target);
/* values and nulls by the written relation's column numbers minus one. weight is 1 or -1. */
void append_row(ChunkWriter *writer, const Datum *values, const bool *nulls, int weight);
void append_marker(ChunkWriter *writer, const char *reason);
/* Whether the two rows agree in every column logged, by image. */
bool is_same_image(const Target *target, const Datum *a, const bool *a_nulls, const Datum *b, const bool *b_nulls);
void close_chunk_writer(ChunkWriter *writer);

/* The number of the last chunk this transaction wrote to any log; 0: none. For Frontier::of_snapshot. C++ frames may call it, as it
 * raises nothing. */
int32_t own_seq();

} // namespace pgtrickle::capture
