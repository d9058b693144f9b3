/*
 * Monitoring: the part of a change log that a stream table has not applied.
 *
 * Functions wait for no lock longer than the trimmer holds one; a segment that is dropped meanwhile counts as
 * empty. PostgreSQL frames; results are allocated in the current memory context.
 */
#pragma once

#include "definition/state/frontier.hpp"
#include "pg/boundary.hpp"

extern "C" {
#include "nodes/pg_list.h"
#include "utils/snapshot.h"
}

namespace pgtrickle::capture {

struct Pending {
    int64 rows = 0;
    int64 bytes = 0;         /* size of the rows as they are packed */
    bool has_marker = false; /* the stream table starts from nothing, independent of the rows */
};

/* Counts the changes in the log of `source` that `snapshot` sees and the frontier does not include. Reads the
 * chunks' heads only, so the cost is proportional to the number of chunks. */
Pending pending_of(Oid source, const Frontier &frontier, Snapshot snapshot);

} // namespace pgtrickle::capture
