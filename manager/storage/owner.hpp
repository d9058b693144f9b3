/*
 * The objects of a stream table belong to its owner.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle {

/* Gives storage, arrangements, internal view and log of `relid` to its present owner. PostgreSQL frame. */
void give_storage_to_owner(Oid relid);

} // namespace pgtrickle
