/*
 * Who is told of invalidated relations, all by one callback: PostgreSQL has room for ten in a process, its own and those of
 * all extensions together, and ends a process that asks for one more.
 */
#pragma once

#include "pg/versions/postgres.hpp"

namespace pgtrickle {

/* InvalidOid: any relation may have changed. A PostgreSQL frame that raises no error: it may run at any time. */
using RelationListener = void (*)(Oid relation);

/* For the life of the process. */
void listen_to_relations(RelationListener listener);

} // namespace pgtrickle
