/*
 * Limits a refresh in a session's transaction: it excludes the upstreams whose contents this session may not
 * store (definition/lock_right.hpp). They are not members, are locked with AccessShare only, and are read as they
 * stand under the snapshot of the refresh, rows and change log, as a job of the manager reads the upstreams of other
 * owners.
 */
#pragma once

#include "pg/boundary.hpp"

#include <vector>

namespace pgtrickle::refresh {

/* Returns the upstreams that a refresh of `relids` with their upstreams reads as they stand, ascending. C++
 * frame. */
std::vector<Oid> upstreams_of_others(const std::vector<Oid> &relids);

/* Returns `relid` and the stream tables that a refresh of it in this session refreshes with it, ascending. C++ frame.
 */
std::vector<Oid> refreshed_with(Oid relid);

} // namespace pgtrickle::refresh
