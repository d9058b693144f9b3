/*
 * Trimming: the change logs give up what every stream table that reads them has applied. A C++ frame, but for remove_all().
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::capture {

/* Empties the segments nobody needs any more and moves writers on; removes what is left of a
 * source that was released. Never waits for a lock. If the log is over `size_limit` bytes
 * (0: none), readers that hold it back are marked needs_reinit, and their hold is dropped.
 * To be run in a transaction of its own. A C++ frame. */
enum class Trimmed {
    done,      /* there is nothing to do before the log has grown */
    held_back, /* somebody needs what is there, or holds a lock */
    again,     /* something was moved, emptied or removed, or could soon be */
};
Trimmed trim(Oid source, int64 size_limit);

/* Removes the triggers and the log of every source of this database, whoever reads it. Takes AccessExclusive on all. PostgreSQL frame. */
void remove_all();

} // namespace pgtrickle::capture
