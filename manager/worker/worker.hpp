/*
 * The background workers: one launcher a server, one manager a database that
 * has stream tables, and its refresh workers.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::worker {

/* To be called by _PG_init, before the settings' prefix is closed: registers the launcher
 * when the library is being preloaded. */
void register_worker();

/* For a manager or worker that has just connected. A PostgreSQL frame. */
void read_what_is_committed();

/* pg_trickle.max_log_size in bytes, 0 for no limit. */
int64_t max_log_bytes();

} // namespace pgtrickle::worker
