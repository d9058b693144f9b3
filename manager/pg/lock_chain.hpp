/*
 * Waits that PostgreSQL's deadlock detector does not see: a session waits on its latch for another process,
 * which may wait for locks.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle {

/* Whether the process waits for a lock of this process, directly or by way of other waiting processes. At
 * most a hundred processes are examined. PostgreSQL frame. */
bool waits_for_me(int pid);

} // namespace pgtrickle
