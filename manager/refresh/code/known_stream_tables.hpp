/*
 * The stream tables whose queries were found to run known code only, as long as nothing has changed on which that
 * depends. To find it out reads some ten catalogs for each relation of the query; sessions that create temporary tables
 * send all processes invalidations all the time.
 *
 * Invariant: a stream table is forgotten by the invalidation of anything that was looked at: relations, with what
 * belongs to them; functions and types, by the rows of their system caches; and, whichever it is, a role, an operator,
 * an operator class, a member of an operator family, an aggregate or a range. PostgreSQL processes the invalidations of
 * the transaction itself, also of what is rolled back, as it does those of others.
 */
#pragma once

#include "refresh/code/used_objects.hpp"

namespace pgtrickle::refresh {

bool is_known_stream_table(Oid relid);

/* Number of invalidations that forget a stream table, or may forget one that is not known yet. */
uint64 changes_of_code();

/* Keeps that the stream table is known, by what was looked at since changes_of_code() was `as_of`. Does nothing if
 * something has changed meanwhile. C++ frame. */
void keep_known(Oid relid, UsedObjects objects, uint64 as_of);

/* Registers the invalidation callbacks; called once, by _PG_init(). */
void watch_known_code();

} // namespace pgtrickle::refresh
