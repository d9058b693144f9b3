/*
 * Waits that PostgreSQL does not know of: a session waits on its latch for another process, which may wait for locks.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle {

/* Whether the process waits for a lock of this one's transaction, or for others that do. It looks at a hundred processes at most.
 * PostgreSQL frame. */
bool waits_for_me(int pid);

} // namespace pgtrickle
