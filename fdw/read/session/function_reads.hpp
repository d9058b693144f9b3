/*
 * Which stream tables the functions of a statement read.
 *
 * A STABLE function, and in REPEATABLE READ any function, reads under the snapshot of the statement that calls
 * it, and nothing in the plan of that statement says what the function will read. So this backend remembers it
 * when a function reads a stream table under its caller's snapshot: the next statement that calls the function
 * has the stream table refreshed before it takes its snapshot.
 *
 * Functions are known by the hash values under which plans list the functions that they depend on; a
 * collision causes a refresh that was not needed. PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/plannodes.h"
}

namespace pgtrickle {

/* Remembers that a function which `caller` calls has read `relids`. */
void remember_function_reads(const PlannedStmt *caller, const Oid *relids, int count);
/* Returns the stream tables that functions of the plan are known to read, palloc'ed; null if there are none.
 * Costs a look-up for each function of a user in the plan, if any function is known. */
Oid *function_reads_of(const PlannedStmt *plan, int *count);

} // namespace pgtrickle
