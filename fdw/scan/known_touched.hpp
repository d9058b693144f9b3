/*
 * Touched values that this session has found, and what later changes add to them.
 *
 * Let T contain the touched values (touched_values.hpp) of all changes that a frontier F lacks and a snapshot S sees,
 * and let k be a column of the only table that has changed since. For a storage whose frontier includes F, and any
 * snapshot R, T and the values of k in the changes that R sees and S does not are all touched values: only those
 * changes have to be read. So a session that looks up one key after the other reads each pending change once. T only
 * grows, as changes that have been applied stay in it, and is dropped when it has doubled. S includes no change of its
 * own transaction: those are read each time, and T may contain some that have been rolled back. Relcache invalidation
 * of the stream table, or of one of its sources, forgets T.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/bitmapset.h"
#include "utils/snapshot.h"
}

namespace pgtrickle {

/* Whether a search for touched values reads rows of the sources, beside their logs. */
enum class SourceRows {
    are_read, /* the caller has made sure of what find_touched_values() requires */
    are_not,  /* only the table of k has changed, and not by much; the sources are locked during the search only */
    are_known /* nothing is searched: known_touched_as_of() */
};

/* Finds values among which are all that changes pending under the snapshot concern, of one of these outputs of the
 * defining query. Returns the number of the output; 0 if there are none. The storage is the one that the snapshot sees,
 * and its rows depend on captured changes only. The values are those of the next look-ups. */
int find_known_touched(Oid relid, const Bitmapset *outputs, Snapshot snapshot, SourceRows rows);

/* Returns the number of the output that the last search found, if that was for a snapshot that shows what this one
 * shows: the same transactions, none of them this one. Otherwise 0. Reads nothing. */
int known_touched_as_of(Oid relid, Snapshot snapshot);

/* Returns true if one of these values satisfies `value = constant` by the operator, whose right operand may have
 * another type; also if that is not known. */
bool may_be_touched(Oid relid, Oid equals, Oid collation, Datum constant);

/* Registers the invalidation callback. Called once, by _PG_init. */
void register_known_touched();

} // namespace pgtrickle
