/*
 * RENAME and SET SCHEMA of stream tables and of objects that they use, including labels of enumerations: the
 * options follow, in the same transaction.
 */
#pragma once

#include "fdw/ddl/user_statement.hpp"

namespace pgtrickle {

/* Execute a RenameStmt, an AlterObjectSchemaStmt and an AlterEnumStmt. C++ frames. */
void rename_object(const UserStatement &call);
void move_object(const UserStatement &call);
void alter_enumeration(const UserStatement &call);

} // namespace pgtrickle
