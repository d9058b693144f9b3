/*
 * What a session is told of a stream table that could not be refreshed: why it was not, and how it can be.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "fdw/read/freshness.hpp"

namespace pgtrickle {

/* Raises 55000 for a stream table that is to be read but has never been filled. */
void require_populated(Oid relid, const Freshness &freshness);

/* To be read, by the statement or by a refresh in this transaction, and staler than it may be: pg_trickle.on_stale decides. */
void apply_on_stale(Oid relid, Obstacle obstacle);

} // namespace pgtrickle
