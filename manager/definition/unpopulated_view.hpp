/*
 * Materialized views that were created or restored WITH NO DATA. PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::definition {

/* Returns true if the relation is a materialized view that cannot be read before its first REFRESH. Cost: a
 * syscache look-up. */
bool is_unpopulated_view(Oid relid);

} // namespace pgtrickle::definition
