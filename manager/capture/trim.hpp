/*
 * Trimming: removes from the change logs the rows that every dependent has applied. C++ frames, except for
 * empty_damaged() and remove_all().
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::capture {

/* Empties the segments that no stream table needs any more and moves writers to an empty one; removes
 * triggers and log of a source that was released. Never waits for a lock. If the log is larger than
 * `size_limit` bytes (0: no limit), old snapshots are disregarded; while that is not enough, writers are moved on at
 * each call, and where the next segment is not empty, stream tables that still need it are marked needs_reinit, and
 * their need is ignored; if a transaction holds it, those that need the one after it. To be run in a transaction of its
 * own, and with a pause between two calls in which stream tables can be refreshed. C++ frame. */
enum class Trimmed {
    done,      /* there is nothing to do before the log has grown */
    held_back, /* a stream table needs the rows, or another transaction holds a lock */
    again,     /* something was moved, emptied or removed, or could soon be */
};
Trimmed trim(Oid source, int64 size_limit);

/* Empties a segment of the log of a source, whose pages cannot be read, and marks all stream tables that read the log
 * needs_reinit. Takes AccessExclusive on the segment, and so waits for writers and for refreshes. Does nothing if the
 * segment is none of this log any more. PostgreSQL frame. */
void empty_damaged(Oid source, Oid segment, const char *reason);

/* Removes the triggers and the log of every source of this database, even if stream tables read it. Takes
 * AccessExclusive on all. PostgreSQL frame. */
void remove_all();

} // namespace pgtrickle::capture
