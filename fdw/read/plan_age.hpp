/*
 * Whether a plan is older than the partitions and children of the tables that it reads.
 *
 * Invariant: a plan that PostgreSQL finds valid has the children that each parent had when the planning began, or later
 * ones. ATTACH PARTITION and INHERIT wait for no reader: one of them may commit after that, and before the statement
 * gets its snapshot: it may wait for a lock while it is planned, or for a refresh when it starts. Its stream tables
 * have the rows of the new child then, and its plain tables have not. Each of these commands invalidates the parent
 * before it releases its locks, for one of which a refresh waits.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/plannodes.h"
}

namespace pgtrickle {

/* Returns the number of invalidations of relations that this session has received. */
uint64 count_of_relation_changes();

/* Watches the parents among the tables of a plan; `begun` is count_of_relation_changes() of when its planning began. */
void watch_parents(const PlannedStmt *plan, uint64 begun);
/* Returns true if a parent among the tables of a plan that watch_parents() has seen was altered after its planning
 * began, as far as other transactions have announced it until now. Locks nothing. */
bool is_older_than_children(const PlannedStmt *plan, uint64 begun);

} // namespace pgtrickle
