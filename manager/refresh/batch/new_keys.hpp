/*
 * Keys that sources get after a stream table was created, and before its first fill: a dump creates them last.
 *
 * Heaps without a key find rows by their hash, which is right, but larger and slower. They are replaced while they are
 * empty, under AccessExclusive: by the manager in a transaction that ends before the fill begins, so that readers do
 * not wait for the fill longer than they choose to; by a session in the transaction that fills them. A stream table
 * that is in use is filled as it is.
 *
 * The lock of refreshes comes before those of relations, other than in a batch (batch.hpp). No lock is queued for, so
 * that no two processes wait for each other. C++ frame; throws PgError.
 */
#pragma once

#include "pg/boundary.hpp"

#include <vector>

namespace pgtrickle::refresh {

/* Replaces the heaps of those of the stream tables that have no rows, could have a key, and may be compiled in this
 * session; upstreams come first, as their keys become those of their dependents. Waits no longer than 0.2 s for the
 * locks of each, and lock_timeout for those of its sources. */
void use_new_keys(const std::vector<Oid> &relids);

} // namespace pgtrickle::refresh
