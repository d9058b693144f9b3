/*
 * The first fill of a stream table, or the one after its query has changed, in the transaction that asks for it.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle {

/* Fills it, unless its sources are not to be looked at now: then a NOTICE says so, and the manager fills it when
 * they are. C++ frame. */
void fill(Oid relid);

} // namespace pgtrickle
