/*
 * Invalidations of relations, and the functions that they call. These share one relcache callback: PostgreSQL has room
 * for ten in a process, its own and those of all extensions together, and terminates a process that registers one
 * more.
 */
#pragma once

#include "pg/versions/postgres.hpp"

namespace pgtrickle {

/* The relation is InvalidOid if any relation may have changed. A PostgreSQL frame that must not raise an
 * error: it may run at any time. */
using RelationListener = void (*)(Oid relation);

/* Registers `listener` for the life of the process. */
void listen_to_relations(RelationListener listener);

/* Invalidates a relation that may have been dropped, because it is not locked. PostgreSQL frame. */
void invalidate_if_exists(Oid relation);

} // namespace pgtrickle
