/*
 * Stream tables read each other, never in a circle.
 */
#pragma once

#include "pg/boundary.hpp"

#include <vector>

namespace pgtrickle {

/* Raises 42P15 with the circle that would close if `relid` read `sources` directly. C++ frame. */
void check_for_cycle(Oid relid, const std::vector<Oid> &sources);

} // namespace pgtrickle
