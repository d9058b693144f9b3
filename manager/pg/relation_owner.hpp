/*
 * The owner of a relation, from the system cache.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle {

/* Returns the owner. If there is no such relation, returns InvalidOid if missing_ok, and raises an error
 * otherwise. PostgreSQL frame. */
Oid owner_of_relation(Oid relation, bool missing_ok = false);

} // namespace pgtrickle
