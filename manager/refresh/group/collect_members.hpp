/*
 * Which stream tables take part in a refresh: those that are asked for and those within reach, with the locks on their foreign
 * tables and their object locks.
 *
 * Their atomic sets and groups are looked for when these locks are held (refresh_sets.hpp). If a set has more members than take
 * part, the object locks are released, and those of all are taken, in order; a request that named all members itself ends
 * with is_in_larger_set.
 * C++ frames; they throw PgError.
 */
#pragma once

#include "refresh/group/group.hpp"

namespace pgtrickle::refresh {

/* Members and atomic sets; or none, and why. */
Group gather(const RefreshRequest &request);

/* Raises 40001 unless it has_current_layout(): no lock keeps a role from being altered. */
void require_current_layout(Oid relid);

} // namespace pgtrickle::refresh
