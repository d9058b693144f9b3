/*
 * Markers: what a change log cannot say row by row. A stream table that meets one in a log that it reads starts from nothing.
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::capture {

/* Writes a marker to the logs of `relation` and of everything above it that is captured.
 * Does nothing if none is. `reason` completes "…, because". */
void mark(Oid relation, const char *reason);

/* The same, but not to the log of `relation` itself. */
void mark_above(Oid relation, const char *reason);

/* The same for the logs of everything above and below it: of all that may have missed a
 * change made through `relation`. */
void mark_around(Oid relation, const char *reason);

} // namespace pgtrickle::capture
