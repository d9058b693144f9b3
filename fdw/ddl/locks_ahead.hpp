/*
 * The stream tables that a statement on a source defines again, locked together with the source.
 *
 * A transaction may read a stream table and use its source in either order. A statement that had locked the source and
 * then waited for readers of the stream table would be in a deadlock with such a transaction, where it would not with
 * readers of a view. So neither is kept locked while the statement waits for the other one.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle {

/* Takes the lock of an AlterTableStmt, RenameStmt, ViewStmt or RuleStmt on the relation that it names, if the current
 * user owns that, and locks the stream tables that it will define again. Takes none if there are no such stream tables.
 * PostgreSQL frame. */
void lock_with_redefined(Node *statement);

/* An entry of fdw/module.cpp, for AlterTableStmt and RenameStmt: lock_with_redefined(), and then
 * capture::lock_named_relation(). */
void lock_named_with_redefined(const UtilityCall &call);

} // namespace pgtrickle
