/*
 * Definitions that a session restores from a dump.
 *
 * A dump creates an object as the role that restores it, mostly a superuser, and gives it to its owner by the next statement;
 * the privileges on what it reads come at the end of the dump. A first fill in between would run the owner's functions with the
 * rights of the wrong role, or fail. So the session that restores a definition holds a share of a lock of the database, and
 * the manager fills no stream table that has no rows yet while another process holds one. The share is a lock of the session: it
 * outlives errors, and ends with the session, or when the session reads a stream table that has no rows yet.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::definition {

void begin_restoring();
void end_restoring();

/* Whether another session restores definitions in this database. */
bool is_restored_elsewhere();

} // namespace pgtrickle::definition
