/*
 * Where a refresh in a session's transaction ends: at the upstreams that this transaction may not keep from being refreshed
 * (definition/lock_right.hpp). They take no part, hold no lock but AccessShare, and are read as they stand under the snapshot of
 * the refresh, rows and change log, as a job of the manager reads the upstreams of other owners.
 */
#pragma once

#include "pg/boundary.hpp"

#include <vector>

namespace pgtrickle::refresh {

/* Those that a refresh of `relids` with all below reads as they stand, ascending. C++ frame. */
std::vector<Oid> upstreams_of_others(const std::vector<Oid> &relids);

} // namespace pgtrickle::refresh
