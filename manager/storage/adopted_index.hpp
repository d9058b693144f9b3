/*
 * A user's unique index on the key by which the rows of a storage are found.
 *
 * CREATE UNIQUE INDEX builds no second index on the same columns: the storage's own one becomes the user's, and gets
 * its name and schema. Only catalogs are written, once the keys have been read and none was there twice, so that
 * readers go on. Before DROP INDEX drops such an index, the storage gets an own one again.
 *
 * Invariant: a storage whose rows are found by a key has a valid index on it, its own or an adopted one, or else it is
 * set up again by the next refresh, which does not find the key (found_by()).
 *
 * An adopted index is an index of the user in all respects. It is marked as the replica identity, which has no meaning
 * to PostgreSQL while the heap does not refer to it (REPLICA_IDENTITY_INDEX), and which REINDEX CONCURRENTLY keeps.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::storage {

/* Returns the adopted index of a heap, or InvalidOid. PostgreSQL frame. */
Oid adopted_index_of(Oid heap);

/* If the own index `own` of the heap is what the analyzed statement creates, and no two rows have one key, makes it an
 * adopted one, still under its name, and returns true. The caller has locked the heap in ShareLock. PostgreSQL frame.
 */
bool adopt_own_index(Oid heap, Oid own, const IndexStmt *statement);

} // namespace pgtrickle::storage
