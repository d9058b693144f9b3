/*
 * What belongs to a stream table belongs to its owner.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle {

/* Storage, arrangements, internal view and log of `relid` follow it to its present owner.
 * PostgreSQL frame. */
void give_storage_to_owner(Oid relid);

} // namespace pgtrickle
