/*
 * Definitions that a session restores from a dump.
 *
 * A dump creates an object as the role that restores it, mostly a superuser, and gives it to its owner by the next statement;
 * the privileges on what it reads come at the end of the dump. A first fill in between would run the owner's functions with the
 * rights of the wrong role, or fail. So the session that restores a definition holds a lock of the session on that stream table,
 * and the manager does not fill it while another process holds one. The lock outlives errors, and ends with the session, by
 * DISCARD ALL, or when the session reads or refreshes a stream table itself.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::definition {

void begin_restoring(Oid relid);

/* Of all that this session restores. A comparison where it restores none. */
void end_restoring();

/* Whether another session restores the stream table. */
bool is_restored_elsewhere(Oid relid);

} // namespace pgtrickle::definition
