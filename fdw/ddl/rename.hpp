/*
 * RENAME and SET SCHEMA of stream tables and of objects that they use, including labels of enumerations: the
 * options follow, in the same transaction.
 */
#pragma once

#include "fdw/ddl/utility_call.hpp"

namespace pgtrickle {

/* Execute a RenameStmt, an AlterObjectSchemaStmt and an AlterEnumStmt. C++ frames. */
void rename_object(const UtilityCall &call);
void move_object(const UtilityCall &call);
void alter_enumeration(const UtilityCall &call);

} // namespace pgtrickle
