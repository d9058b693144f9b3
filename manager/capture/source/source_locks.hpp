/*
 * Locks on sources as a whole. PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace pgtrickle::capture {

/* ShareRowExclusive on these sources, their partitions and children, to the end of the transaction: what
 * ensure_captured() needs of each, so that it does not wait for one while it holds another. */
void lock_sources(const List *sources);

/* No relation that has rows comes to `source` as a partition or child before release_tree(), or the end of the transaction. After the locks
 * on relations: whoever attaches one has locked that, and waits here. What is attached after release_tree() is told by a marker that
 * the snapshot of the refresh does not see. */
void lock_inheritance_tree(Oid source);

} // namespace pgtrickle::capture
