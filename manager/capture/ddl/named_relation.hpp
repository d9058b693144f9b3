/*
 * The relation that a DDL statement names.
 *
 * Functions that run around a statement look up its relation by name, and PostgreSQL looks it up again. Between
 * the two, another transaction could drop or rename the relation, and the effects of the statement would be
 * handled on another relation than the one it changed. lock_named_relation() runs first and takes the lock that the
 * statement will take, so all look-ups find the same relation.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle::capture {

/* An entry of fdw/module.cpp, for AlterTableStmt, RenameStmt and AlterObjectSchemaStmt. Waits for the lock, as the
 * statement would. Takes none on a relation that does not exist, or that the current user does not own: the statement
 * itself fails then. */
void lock_named_relation(const UtilityCall &call);

} // namespace pgtrickle::capture
