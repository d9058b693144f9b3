/*
 * The text of a defining query, which follows the names in it.
 *
 * Invariant: the option `query` is the rule of the stream table as PostgreSQL would print it now. A dump has it, and
 * an upgrade reads it. What is printed depends on names, and on the columns of the relations that it names: a list of
 * aliases has one for each column, and USING merges by name.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "definition/definition.hpp"
#include "pg/hooks.hpp"

namespace pgtrickle {

/* Writes the text. */
void rewrite_text(Oid relid);
/* As rewrite_text(). Returns false if that fails, as it may for a query that is nested too deeply. */
bool try_rewrite_text(Oid relid);

/* Writes the texts of the stream tables `by_text` after names in them have changed; those of another role's stream
 * tables by follow_at_end(). Invalidates their programs, and those of the stream tables `by_views` that use the objects
 * through views, as programs contain the names. Lists of OIDs. */
void follow_names(List *by_text, List *by_views);

/* Writes the options of another role's stream table in which names have changed, when this transaction commits: the
 * lock that this takes must not last as long as the transaction stays open (definition/lock_right.hpp), and no code of
 * the role runs after it. The text of before is that of the options until then. The owner can neither delay the commit
 * nor make it fail: options that cannot be written at once, or are long, and those of a prepared transaction, are
 * written when the stream table is set up again. */
void follow_at_end(Oid relid);
/* Entry of fdw/module.cpp. */
void settle_followed(XactEvent moment);

/* Writes the texts that differ since relations (List of OIDs) have more or fewer columns. */
void follow_columns_in_text(const List *relations);

} // namespace pgtrickle
