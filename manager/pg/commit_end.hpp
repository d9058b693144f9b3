/*
 * The end of other transactions' commits.
 *
 * A commit becomes visible first. Then the transaction sends its invalidations, and then it releases its locks. In
 * between, a snapshot shows what it has written, and the caches of this process, with all that was compiled from them,
 * do not.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "storage/lock.h"
}

namespace pgtrickle {

/* Waits until the invalidations of all visible transactions that have taken the lock in ExclusiveLock, and kept it to
 * their ends, have arrived here. Does not wait for transactions in progress. PostgreSQL frame. */
void await_invalidations_under(const LOCKTAG &lock);

} // namespace pgtrickle
