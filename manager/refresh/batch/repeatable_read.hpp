/*
 * Refreshing under a snapshot that is older than the locks, as in a REPEATABLE READ transaction.
 *
 * C++ frames; they throw PgError.
 */
#pragma once

#include "refresh/batch/batch.hpp"

namespace pgtrickle::refresh {

/* Raises 40001 unless each member can be brought from its frontier to the active snapshot: no other
 * transaction has refreshed it since, and its sources have not been changed in a way that is visible to older
 * snapshots. All members are populated. */
void require_snapshot_serves(const Batch &batch);
/* Raises 40001 if a statement of the refresh, under the active snapshot, may have relied on a constraint of a source
 * that rows under this snapshot violate. Called when all statements have been planned. */
void require_no_newer_constraint(const Batch &batch);

} // namespace pgtrickle::refresh
