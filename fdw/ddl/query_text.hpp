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

namespace pgtrickle {

/* Writes the text. */
void rewrite_text(Oid relid);
/* As rewrite_text(). Returns false if that fails, as it may for a query that is nested too deeply. */
bool try_rewrite_text(Oid relid);

/* Writes the text after a name in it has changed. The owner of another role's stream table can neither delay the
 * statement nor make it fail: a text that cannot be written at once is written when the stream table is set up again.
 */
void follow_in_text(Oid relid);

/* Writes the texts that differ since relations (List of OIDs) have more or fewer columns. */
void follow_columns_in_text(const List *relations);

} // namespace pgtrickle
