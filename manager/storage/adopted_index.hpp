/*
 * A user's unique index on the key by which the rows of a storage are found.
 *
 * CREATE UNIQUE INDEX builds no second index on the same columns: the storage's own one becomes the user's, and gets
 * its name and schema, once the keys have been read and none was there twice. Before DROP INDEX drops such an index, it
 * becomes the own one again, and PostgreSQL drops an empty index that has taken its place. Only catalogs are written,
 * so that readers and refreshes go on.
 *
 * Invariant: a storage whose rows are found by a key has a valid index on it, its own or an adopted one, or else it is
 * set up again by the next refresh, which does not find the key (found_by()).
 *
 * An adopted index is an index of the user in all respects, but that it depends on the heap instead of its columns. It
 * is marked as the replica identity, which has no meaning to PostgreSQL while the heap does not refer to it
 * (REPLICA_IDENTITY_INDEX), and which REINDEX CONCURRENTLY keeps.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::storage {

/* Makes an index an own one of its heap: it cannot be dropped alone. Its dependencies on columns go, which say nothing
 * more: where the type of a column is dropped, they would lead PostgreSQL to the heap, and it would drop the heap
 * before the column that has led there. PostgreSQL frame. */
void make_own(Oid index, Oid heap);

/* Returns the adopted index of a heap, or InvalidOid. PostgreSQL frame. */
Oid adopted_index_of(Oid heap);

/* If the own index `own` of the heap is what the analyzed statement creates, and no two rows have one key, makes it an
 * adopted one, still under its name, and returns true. The caller has locked the heap in ShareLock. PostgreSQL frame.
 */
bool adopt_own_index(Oid heap, Oid own, const IndexStmt *statement);

/* Makes the adopted index of the heap its own one again, under the name `own_name` in the reserved schema; unique, if
 * the rows are groups. A new index gets its name and schema, which is empty and not valid, and can only be dropped. The
 * caller has locked the heap in ShareUpdateExclusiveLock. PostgreSQL frame. */
void return_adopted_index(Oid heap, const char *own_name, bool is_of_groups);

} // namespace pgtrickle::storage
