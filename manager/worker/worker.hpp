/*
 * The background workers: one launcher for the server, one manager for each database that has stream tables,
 * and the refresh workers of each manager.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::worker {

/* Registers the launcher when the library is being preloaded. Called by _PG_init. */
void register_worker();

/* Takes no role, sets the isolation level to READ COMMITTED, has errors end no process, and sets no limit of the time
 * of transactions: refreshes have limits of their own. Called by a manager or worker that has just connected. A
 * PostgreSQL frame. */
void set_own_settings();

} // namespace pgtrickle::worker
