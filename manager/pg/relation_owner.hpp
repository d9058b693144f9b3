/*
 * The owner of a relation, as the system cache has it.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle {

/* PostgreSQL frame. Where there is no such relation: InvalidOid if missing_ok, else an error. */
Oid owner_of_relation(Oid relation, bool missing_ok = false);

} // namespace pgtrickle
