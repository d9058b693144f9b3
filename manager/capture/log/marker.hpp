/*
 * Markers: changes that a change log cannot express row by row. A stream table that reads a marker starts
 * from nothing.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::capture {

/* Writes a marker to the logs of `relation` and of all its ancestors that are captured. Does nothing if none
 * is. `reason` is a clause about `relation`; the marker begins with the relation's name. */
void write_marker(Oid relation, const char *reason);

/* Writes a marker to the log of `relation` only. */
void mark_own(Oid relation, const char *reason);

/* Writes a marker to the logs of the ancestors of `relation` only. */
void mark_above(Oid relation, const char *reason);

/* Writes a marker to the logs of all relations that may have missed a change made through `relation`: its
 * ancestors, itself, its descendants and their ancestors. */
void mark_around(Oid relation, const char *reason);

} // namespace pgtrickle::capture
