/*
 * The relations around a source: its partitions or inheritance children, and its ancestors.
 *
 * PostgreSQL frames; lists are allocated in the current memory context.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/pg_list.h"
#include "storage/lockdefs.h"
#include "utils/snapshot.h"
}

namespace pgtrickle::capture {

/* Returns the relations through which statements change `relid`: itself, its descendants, and the ancestors
 * of any of these. Locks all of them in `mode`, unless it is NoLock, from the root down. */
List *related_relations(Oid relid, LOCKMODE mode);
/* Returns `relid` and its descendants. Without a lock, a relation that is dropped meanwhile may be among them. */
List *tree_of(Oid relid, LOCKMODE mode);
/* As tree_of(), as the snapshot shows it; with what the current transaction has done since. Locks nothing. */
List *tree_under(Oid relid, Snapshot snapshot);
/* Whether a partition of the tree is being detached concurrently: whether it belongs to its parent depends on the
 * snapshot. */
bool has_detaching_partition(Oid relid);
/* Returns the ancestors of `relid`, nearest first, each once; a partition that is being detached has none. */
List *ancestors_of(Oid relid);
/* Whether this transaction has made `relid`, or one of its ancestors, a partition or child. */
bool has_joined_a_tree(Oid relid);

} // namespace pgtrickle::capture
