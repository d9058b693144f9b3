/*
 * AccessExclusive on relations that are read all the time.
 *
 * A request for AccessExclusive that waits for one long reader makes all later readers wait, too. So the request waits
 * for a short time only, is withdrawn, and made again after a pause that is several times as long. Each attempt may
 * last longer than the one before: where readers overlap all the time, each is blocked for a share of the time at
 * most, and the lock is granted in the end. The longest attempt exceeds deadlock_timeout, so that a deadlock is found.
 * It follows at once if a reader waits for the caller, and the reader is asked to look for the deadlock again.
 *
 * lock_timeout limits the time of all attempts together. C++ frame; throws PgError.
 */
#pragma once

#include "pg/boundary.hpp"

#include <functional>
#include <vector>

namespace pgtrickle::setup {

/* Takes the lock on all of these relations, in any order. Calls `in_pause`, without a lock that it has not had before,
 * when it has been waiting for a while, and before the next attempt. While it waits for one of them, it does not keep
 * another one locked for so long that a transaction that has used the first and waits for the other would look for a
 * deadlock; but where both are used by long transactions all the time, it does in the end. */
void lock_between_readers(std::vector<Oid> relations, const std::function<void()> &in_pause);

} // namespace pgtrickle::setup
