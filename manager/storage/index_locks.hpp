/*
 * Locks for copying the indexes of a storage.
 *
 * ALTER INDEX and COMMENT ON INDEX lock the index alone, until their transaction ends. A process that excludes readers
 * from the storage, and copies its indexes to a new partition or to another storage, would have the readers wait for
 * that transaction. So it locks the indexes at once, or gives up what excludes readers. PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::storage {

/* Locks the storage and its indexes against being altered, by ShareUpdateExclusive. Returns InvalidOid; or if this is
 * not possible at once, one of them that another transaction has locked, and none is locked then. */
Oid lock_with_indexes_at_once(Oid storage);

/* Gives these locks up. */
void unlock_with_indexes(Oid storage);

/* Takes AccessExclusive on the stream table and lock_with_indexes_at_once() on its storage. Waits for each of these
 * locks without the others. C++ frame; throws PgError. */
void lock_with_storage(Oid relid);

} // namespace pgtrickle::storage
