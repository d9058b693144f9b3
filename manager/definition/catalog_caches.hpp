/*
 * PostgreSQL's caches of catalogs, in processes that look at thousands of relations one after the other. The
 * caches do not evict entries: a process that has read the definition of a stream table once would keep its
 * view's rule, its columns and the statistics of its sources for its life.
 *
 * C++ frames. The caches stay correct: what is dropped is read again when it is needed.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle {

/* Drops the relation from the relation cache: 12 kB for a stream table, and 11 kB for a defining view. */
void drop_relcache_entry(Oid relid);

/* Called after a stream table was read or compiled. Empties the catalog caches at each 64th call; they then
 * have 11 kB for each of them. */
void trim_catalog_caches();

} // namespace pgtrickle
