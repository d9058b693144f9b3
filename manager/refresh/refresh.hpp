/*
 * Refreshing: taking stream tables to a new frontier, in the current transaction.
 *
 * Invariants:
 *   - all locks (object locks of the members, then relation locks on every source,
 *     upstream storage and log, in topological order) are held before the one snapshot
 *     of the refresh is taken, and to the end of the transaction;
 *   - everything is read under that snapshot (its command id moves on as we write), so
 *     all members reach the same frontier together, or none;
 *   - after it, the declared columns of each member's storage are the defining query's answer
 *     under that snapshot.
 * It runs with the owner's rights, under the recorded settings and a safe search_path.
 */
#pragma once


#include "refresh/request/request.hpp"

#include <string>
#include <vector>

namespace pgtrickle::refresh {

/* Refreshes those who are asked for, and whoever else is within reach,
 * as one group under one snapshot. Must be called without an active snapshot of its own
 * in use for the result. With skip_if_locked, returns an empty list when another
 * transaction holds a member's object lock, and says whose in `locked`; as it does, with reach named, of one that is bound to
 * others of whom the request does not know, or is suspended. Throws PgError, a MemberError where one member is at
 * fault; then nothing has changed once the caller's (sub)transaction is rolled back.
 * Who is held, or suspended, stays as it is (excluded_members.hpp): for an owner, one who is named makes an error, 55000; of
 * others it is told in `held`. In a REPEATABLE READ transaction those who are named all have rows, or none has; and whoever else
 * would have to be filled where they are not, or the other way round, stays as it is, too. */
std::vector<Outcome> refresh_group(const RefreshRequest &request, SkippedMembers *skipped = nullptr);

/* First fill, under a snapshot taken after capture was made sure of. */
Outcome initialize(Oid relid);

} // namespace pgtrickle::refresh
