/*
 * The background workers: one launcher for the server, one manager for each database that has stream tables,
 * and the refresh workers of each manager.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::worker {

/* Registers the launcher when the library is being preloaded. Called by _PG_init. */
void register_worker();

/* Connects a manager or worker to the database, as the bootstrap superuser. Takes no role, sets the isolation level to
 * READ COMMITTED, has errors end no process, and sets no limit of the time of transactions: refreshes have limits of
 * their own. A PostgreSQL frame. */
void connect_to(Oid database);

} // namespace pgtrickle::worker
