/*
 * What follows a change of a tree of partitions or inheritance: an attached relation gets triggers, and markers say
 * whose rows have changed.
 *
 * A change is processed when its statement is done and the catalogs are consistent. Changes of a failed statement are
 * removed with its subtransaction: the command that ends it runs outside of a transaction in which catalogs could be
 * read. PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "access/xact.h"
#include "nodes/pg_list.h"
}

namespace pgtrickle::capture {

enum class Changed {
    parent,   /* (child, parent) was added or removed */
    column,   /* a column of the child was altered */
    columns,  /* the child has got or lost a column */
    triggers, /* it has lost a capture trigger */
};

void note_tree_change(Changed what, Oid child, Oid parent = InvalidOid);
/* Processes the changes of a statement that is done. */
void settle_tree_changes();

void forget_tree_changes();
/* Forgets those made in the subtransaction, or in a child of it. */
void forget_tree_changes_of(SubTransactionId aborted);

bool is_any_captured(List *relids);
/* Whether the table or a partition of it may have rows. */
bool may_hold_rows(Oid relid);

/* Locks those that exist. A writer must not find one routing for its row triggers and another for its statement
 * triggers (routing.hpp): so writers are locked out while that changes, by the shape of a tree of plain inheritance, or
 * when a source begins to be captured by rows. */
void lock_out_writers(const List *levels);

void install_missing_triggers(const List *levels);

/* Returns the ancestors that are sources, from the root down. */
List *captured_ancestors(Oid relid);

/* To be called before an inheritance child is dropped, which its writers, and those who write to it through a parent,
 * wait for. */
void before_drop_of_child(Oid child);

} // namespace pgtrickle::capture
