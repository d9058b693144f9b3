/*
 * Refresh groups: stream tables that an operator wants to be refreshed together, in one transaction under one
 * snapshot, even if they have no source in common. A stream table is in one group at most.
 *
 * Invariant: stream tables of different owners are not refreshed together, whatever the catalog says. The code of their
 * owners would run in one process, where that of one could find what the other's has compiled. A member may get another
 * owner; so who owns it counts whenever the groups are used, not only when they are created.
 *
 * C++ frames; they throw PgError.
 */
#pragma once

#include "pg/boundary.hpp"

#include <map>
#include <string>
#include <vector>

namespace pgtrickle::refresh {

/* Returns the members of each group as it was created, ascending, by the group's name. If there is no group, the cost
 * is a scan of an empty table. */
std::map<std::string, std::vector<Oid>> refresh_groups();

/* Returns the members of one group and one owner, for each, ascending, if they are several. */
std::vector<std::vector<Oid>> groups_of_owners();

/* Removes a stream table that is being dropped from its group, and the group if it was the last one. Returns whether it
 * was in one. PostgreSQL
 * frame. */
bool leave_group(Oid relid);

} // namespace pgtrickle::refresh
