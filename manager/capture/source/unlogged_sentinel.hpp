/*
 * Sentinels, which show that no crash has emptied an unlogged source.
 *
 * A crash empties every unlogged relation, and no trigger fires. Therefore each unlogged source has a row in
 * an unlogged table of the extension, its sentinel, which is inserted when capture begins and lost together
 * with the rows of the source. A source without its sentinel may have lost its rows: a process that finds the
 * sentinel missing writes a marker to the log of the source, for all stream tables that read it, and inserts
 * a new one in the same transaction. Therefore every snapshot sees the sentinel and the marker, or neither: a process
 * that reads the log under a snapshot looks for the sentinel under the same one. PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "utils/snapshot.h"
}

namespace pgtrickle::capture {

/* Why stream tables that read a source without its sentinel start over. */
constexpr const char *emptied_by_a_crash = "a crash may have emptied it";

struct SourceRow;

/* Whether rows of the source are, or were, in an unlogged table, and its sentinel is missing for the snapshot, or for
 * the latest one if that is null. After a crash, SET LOGGED and DETACH PARTITION can come before anyone has looked: so
 * it keeps its sentinel. A standby has no rows of unlogged tables: only the log says what the stored rows lack. */
bool is_sentinel_missing(const SourceRow &source, Snapshot snapshot);
/* As of now, for a source that is captured, or was. */
bool is_sentinel_missing(Oid source);
/* Inserts a sentinel if the source needs one and has none. */
void insert_sentinel(Oid source);
/* Removes the sentinel of a source that is no longer captured. */
void remove_sentinel(Oid source);

} // namespace pgtrickle::capture
