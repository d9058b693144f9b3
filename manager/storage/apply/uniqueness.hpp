/*
 * Unique indexes that users have created on a storage.
 *
 * A refresh writes one row after the other, and two of them may have one key until the last is written: where two rows
 * exchange their keys, for example. So a unique index holds when a refresh ends, and not while it writes, as the index
 * of a deferrable constraint holds when its transaction ends. Its entries are inserted in any case; a row whose key
 * another one has, or had, is remembered, and looked at again when all rows are written. No other transaction sees the
 * rows in between: the index is therefore valid and immediate for the planner.
 *
 * Invariant: a row that shares its key with another one when the refresh ends was either written by the refresh after
 * that one, and is remembered, or both were there before. What is remembered must therefore be checked even if the
 * refresh starts over, as it does not write a row that is right already.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "storage/apply/arrangement.hpp"

namespace pgtrickle::storage {

/* Remembers the row at `tid` of a heap of the arrangement, for the unique indexes with these OIDs. */
void note_duplicate(Arrangement *arrangement, Oid heap, List *indexes, const ItemPointerData *tid);
/* Takes over what another arrangement of the same heap, which may be closed, has remembered. */
void note_duplicates_of(Arrangement *arrangement, PossibleDuplicate *possible);

/* To be called when all rows of a refresh are written. Raises 23505 if one of the rows that were remembered exists and
 * shares its key with another one. Costs nothing where none was remembered. */
void check_uniqueness(Arrangement *arrangement);

} // namespace pgtrickle::storage
