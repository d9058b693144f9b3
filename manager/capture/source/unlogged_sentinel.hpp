/*
 * Witnesses that no crash has emptied an unlogged source.
 *
 * A crash empties every unlogged relation, and no trigger fires. So beside each unlogged source lies
 * a row in an unlogged table of ours, left there when it began to be captured: it goes with the source's
 * rows. A source without its witness has perhaps lost its rows: whoever finds that out writes a
 * marker to its log, for all who read it, and leaves a new witness.
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::capture {

/* Whether rows of `source` lie in an unlogged table, and its witness is gone. */
bool is_sentinel_missing(Oid source);
/* Leaves one if the source needs it and has none. */
void leave_sentinel(Oid source);
/* The source is no longer captured. */
void remove_sentinel(Oid source);

} // namespace pgtrickle::capture
