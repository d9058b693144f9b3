/*
 * Collects the stream tables that take part in a refresh: the requested ones and those within reach, with the
 * locks on their foreign tables and their object locks.
 *
 * Their atomic sets and refresh groups are determined while these locks are held (refresh_sets.hpp). If a set
 * has more members than take part, the object locks are released, and those of all members are taken, in
 * order; a request that lists all members itself ends with is_in_larger_set. C++ frames; they throw PgError.
 */
#pragma once

#include "refresh/batch/batch.hpp"

namespace pgtrickle::refresh {

/* Returns members and atomic sets; or no members, and the reason. */
Batch collect_members(const BatchRequest &request);

/* Releases one of the object locks that this transaction has taken; an earlier lock on the same object stays. */
void unlock_objects(const std::vector<Oid> &relids);

/* As compiled_of(), for a refresh that has built the heaps again if that was due. Raises 40001 unless they are those of
 * the program: no lock prevents a role from being altered since. */
Compiled &compiled_with_current_layout(Oid relid);

} // namespace pgtrickle::refresh
