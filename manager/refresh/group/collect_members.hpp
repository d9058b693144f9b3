/*
 * Who takes part in a refresh: those that are asked for and whoever is within reach, with the locks on their foreign tables
 * and their object locks.
 *
 * Whom they are bound to is looked for when these locks are held (refresh_sets.hpp). If that is more than those who take part, the
 * object locks are let go, and those of all are taken, in order; whoever named all himself is told that he does not know.
 * C++ frames; they throw PgError.
 */
#pragma once

#include "refresh/group/group.hpp"

namespace pgtrickle::refresh {

/* Members and bonds; or none, and why. */
Group gather(const RefreshRequest &request);

/* Raises 40001 unless it has_current_layout(): no lock keeps a role from being altered. */
void require_current_layout(Oid relid);

} // namespace pgtrickle::refresh
