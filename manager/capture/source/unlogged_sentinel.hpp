/*
 * Sentinels, which show that no crash has emptied an unlogged source.
 *
 * A crash empties every unlogged relation, and no trigger fires. Therefore each unlogged source has a row in
 * an unlogged table of the extension, its sentinel, which is inserted when capture begins and lost together
 * with the rows of the source. A source without its sentinel may have lost its rows: a process that finds the
 * sentinel missing writes a marker to the log of the source, for all stream tables that read it, and inserts
 * a new one. PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::capture {

/* Whether rows of `source` are in an unlogged table, and its sentinel is missing. */
bool is_sentinel_missing(Oid source);
/* Inserts a sentinel if the source needs one and has none. */
void insert_sentinel(Oid source);
/* Removes the sentinel of a source that is no longer captured. */
void remove_sentinel(Oid source);

} // namespace pgtrickle::capture
