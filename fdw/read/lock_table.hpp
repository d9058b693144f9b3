/*
 * Commands on stream tables that PostgreSQL itself refuses or would answer badly.
 */
#pragma once

namespace pgtrickle {

/* Installs the utility hook for LOCK TABLE and COPY FROM. Called once, by _PG_init. */
void register_lock_table();

} // namespace pgtrickle
