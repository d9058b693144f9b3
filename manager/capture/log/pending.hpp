/*
 * For those who look: how much of a log a reader has not taken in.
 *
 * Nothing here waits for a lock longer than the trimmer holds one; what is gone meanwhile counts as nothing.
 * PostgreSQL frames; results live in the current memory context.
 */
#pragma once

#include "capture/source/frontier.hpp"
#include "pg/boundary.hpp"

extern "C" {
#include "nodes/pg_list.h"
#include "utils/snapshot.h"
}

namespace pgtrickle::capture {

struct Pending {
    int64 rows = 0;
    int64 bytes = 0;          /* of rows, as they are packed */
    bool has_marker = false;  /* the reader starts from nothing, whatever the rows are */
};

/* What `snapshot` sees of the log of `source` and the frontier does not include. It reads the chunks' heads
 * only; the cost follows the number of chunks. */
Pending pending_of(Oid source, const Frontier &frontier, Snapshot snapshot);

} // namespace pgtrickle::capture
