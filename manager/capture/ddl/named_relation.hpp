/*
 * The relation that a DDL statement names.
 *
 * Functions that run around a statement look up its relation by name, and PostgreSQL looks it up again. Between
 * the two, another transaction could drop or rename the relation, and the effects of the statement would be
 * handled on another relation than the one it changed. While PostgreSQL waits for its lock, a materialized view that
 * was no source could become one. lock_named_relation() runs first and takes the lock that the statement will take, so
 * all look-ups find the same relation, and what they decide holds until the statement runs.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle::capture {

/* An entry of fdw/module.cpp, for AlterTableStmt, RenameStmt, AlterObjectSchemaStmt and RefreshMatViewStmt. Waits for
 * the lock, as the statement would. Takes none on a relation that does not exist, or that the current user does not
 * own: the statement itself fails then. For RefreshMatViewStmt, raises that error. */
void lock_named_relation(const UtilityCall &call);

} // namespace pgtrickle::capture
