/*
 * Invalidations of relations and of rows of system caches, and the functions that they call. These share one callback
 * for relations, and one for each cache: PostgreSQL has room for ten and for 64 in a process, its own and those of all
 * extensions together, and terminates a process that registers one more.
 */
#pragma once

#include "pg/versions/postgres.hpp"

namespace pgtrickle {

/* The relation is InvalidOid if any relation may have changed. A PostgreSQL frame that must not raise an
 * error: it may run at any time. */
using RelationListener = void (*)(Oid relation);

/* Registers `listener` for the life of the process. */
void listen_to_relations(RelationListener listener);

/* `hash` is that of a row, which another row may share; 0 if any row may have changed. Otherwise as above. */
using CacheListener = void (*)(int cache, uint32 hash);

void listen_to_cache(int cache, CacheListener listener);

/* Invalidates a relation that may have been dropped, because it is not locked. PostgreSQL frame. */
void invalidate_if_exists(Oid relation);

} // namespace pgtrickle
