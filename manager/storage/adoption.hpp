/*
 * The heaps of one stream table become those of another, with their rows: only names and dependencies change.
 *
 * PostgreSQL frame.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::storage {

/* Makes the storage or arrangement `heap` of `from`, with its partitions and the indexes that have their names from
 * it, one of `relid`, which has none of this name. The caller holds AccessExclusive on both, or has created them. */
void adopt_heap(Oid heap, Oid from, Oid relid);

} // namespace pgtrickle::storage
