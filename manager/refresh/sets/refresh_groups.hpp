/*
 * Refresh groups: stream tables that an operator wants to be refreshed together, in one transaction under one
 * snapshot, even if they have no source in common. A stream table is in one group at most. C++ frames; they
 * throw PgError.
 */
#pragma once

#include "pg/boundary.hpp"

#include <map>
#include <string>
#include <vector>

namespace pgtrickle::refresh {

/* Returns the members of each group, ascending, by the group's name. If there is no group, the cost is a scan
 * of an empty table. */
std::map<std::string, std::vector<Oid>> refresh_groups();

/* Removes a stream table that is being dropped from its group. Returns whether it was in one. PostgreSQL
 * frame. */
bool leave_group(Oid relid);

} // namespace pgtrickle::refresh
