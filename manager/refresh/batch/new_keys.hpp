/*
 * Keys that sources get after a stream table was created, and before its first fill: a dump creates them last.
 *
 * Heaps without a key find rows by their hash, which is right, but larger and slower. They are replaced while they are
 * empty, under AccessExclusive, in a transaction that ends before the fill begins: so readers do not wait for the fill
 * longer than they choose to. A stream table that is in use is filled as it is. C++ frames; they throw PgError.
 */
#pragma once

#include "pg/boundary.hpp"

#include <vector>

namespace pgtrickle::refresh {

/* Replaces the heaps of those of the stream tables that have no rows and could have a key; upstreams come first, as
 * their keys become those of their dependents. Waits no longer than 0.2 s for the locks of each. The caller then ends
 * the transaction, unless it has created them itself. */
void use_new_keys(const std::vector<Oid> &relids);

/* Whether there is one among them whose heaps use_new_keys() would replace, if it were not in use. Keeps no
 * lock. */
bool have_new_keys(const std::vector<Oid> &relids);

} // namespace pgtrickle::refresh
