/*
 * The first fill of a stream table, or the fill after its query has changed, in the transaction that requests
 * it.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle {

/* Fills the stream table, unless a hold forbids reading its sources: then a NOTICE says so, and the manager
 * fills it after the hold ends. C++ frame. */
void fill(Oid relid);

/* Raises 55000 if a hold forbids reading the sources. The stream table `relid`, or its successor, is to get other rows
 * at its owner's request, and would have none until the hold ends. C++ frame. */
void require_no_hold_on_data(Oid relid);

} // namespace pgtrickle
