/*
 * Markers: changes that a change log cannot express row by row. A stream table that reads a marker starts
 * from nothing.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::capture {

/* The reason of the marker with which a log begins, whose source may have changed before. Each stream table that reads
 * it starts from nothing; but unlike all others, it says nothing of the rows that a snapshot shows. */
constexpr const char *was_not_logged = "its changes were not captured for a while";
/* Whether a marker, given by its text in the log, is one with which a log begins. */
bool is_of_beginning(const char *marker);

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
