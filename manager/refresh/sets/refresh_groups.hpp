/*
 * Refresh groups: stream tables that an operator wants refreshed together, in one transaction under one snapshot,
 * though they share nothing. A stream table is in one at most. C++ frames; they throw PgError.
 */
#pragma once

#include "pg/boundary.hpp"

#include <map>
#include <string>
#include <vector>

namespace pgtrickle::refresh {

/* The members of each group, by name; ascending. Cost, when there is no group: a look into an empty table. */
std::map<std::string, std::vector<Oid>> refresh_groups();

/* Takes a stream table that is being dropped out of its group. Whether it was in one. PostgreSQL frame. */
bool leave_group(Oid relid);

} // namespace pgtrickle::refresh
