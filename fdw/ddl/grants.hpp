/*
 * GRANT, to the extent that it permits the capture of a source for a stream table; and changes of roles, which decide
 * the policies that bind the owner of a stream table or of a view that it reads. Roles are those of all databases: a
 * change that another database makes is one of a source (mailbox::roles). C++ frames.
 */
#pragma once

#include "fdw/ddl/user_statement.hpp"

namespace pgtrickle {

/* Executes a GrantStmt. */
void grant(const UserStatement &utility);

/* Executes a GrantRoleStmt, CreateRoleStmt, AlterRoleStmt or DropRoleStmt. */
void change_roles(const UserStatement &utility);

/* Requests refreshes, once this transaction has committed, of stream tables that read a source which is not
 * captured for them, but may be now that its capture at `relation` is allowed: that refresh begins the capture. */
void request_allowed_captures(Oid relation);

} // namespace pgtrickle
