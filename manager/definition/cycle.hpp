/*
 * Stream tables read each other without cycles; this check keeps it so.
 */
#pragma once

#include "pg/boundary.hpp"

#include <vector>

namespace pgtrickle {

/* Raises 42P15, with the path of the cycle, if one would exist once `relid` reads `sources` directly. C++
 * frame. */
void check_for_cycle(Oid relid, const std::vector<Oid> &sources);

} // namespace pgtrickle
