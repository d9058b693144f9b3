/*
 * Refreshing under a snapshot that is older than the locks, as a REPEATABLE READ transaction has it.
 * C++ frames; they throw PgError.
 */
#pragma once

#include "refresh/group/group.hpp"

namespace pgtrickle::refresh {

/* Raises 40001 unless each member can be taken from where it is to the active snapshot: nobody has refreshed it
 * since, and what it reads has not been changed by what shows through a snapshot. All are populated. */
void require_snapshot_serves(const Group &group);

} // namespace pgtrickle::refresh
