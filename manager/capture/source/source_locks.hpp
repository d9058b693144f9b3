/*
 * Locks on sources as a whole. PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace pgtrickle::capture {

/* Takes ShareRowExclusive on these sources, their partitions and children, to the end of the transaction.
 * ensure_captured() needs this lock on each, and would otherwise wait for one while it holds another. */
void lock_sources(const List *sources);

/* Waits for the transactions that have written to these relations, without queueing for their locks, so that no later
 * writer waits behind this transaction. */
void wait_for_writers(const List *relations);

/* Prevents a relation that has rows from becoming a partition or child of `source` before unlock_inheritance_tree() or
 * the end of the transaction. Taken after the locks on relations: a transaction that attaches a relation has
 * locked that relation, and waits here. So only for owners who may keep the source locked. An ATTACH after
 * unlock_inheritance_tree() is recorded by a marker that the snapshot of the refresh does not see. */
void lock_inheritance_tree(Oid source);
bool lock_inheritance_tree_if_free(Oid source);
void unlock_inheritance_tree(Oid source);
/* As lock_inheritance_tree(), for ATTACH statements of transactions that are visible: returns once the caches of this
 * process know what they have added. Keeps nothing locked. */
void await_added_relations(Oid source);
/* Waits, to the end of the transaction, for the refreshes that read an ancestor of `child`, which has got rows with it.
 * A source that is not captured counts, too: the steps of a refresh read it one after the other. */
void lock_out_refreshes(Oid child);

} // namespace pgtrickle::capture
