/*
 * The rows of pgtrickle.pgt_state of all stream tables, read by one scan. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
}

namespace pgtrickle::state {

/* The part of a stream table's state that shows whether anything about it has changed. Trivial, because a
 * PostgreSQL frame creates it. */
struct StateSummary {
    Oid relid;
    int64_t generation; /* including marks */
    int32_t consecutive_errors;
    bool is_populated;
    TimestampTz data_timestamp; /* 0: unpopulated */
    char status[16];
};
/* Returns the state of all stream tables of this database, read by one scan, palloc'ed; sets `count` to their
 * number. PostgreSQL frame. */
StateSummary *all_summaries(int *count);

/* Returns the relids of all stream tables of this database (allocated List of OIDs). PostgreSQL frame. */
List *all_stream_tables();

} // namespace pgtrickle::state
