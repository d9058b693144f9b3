/*
 * RENAME and SET SCHEMA of stream tables and of what they use, labels of enumerations included: the options follow, in the
 * same transaction.
 */
#pragma once

#include "fdw/ddl/utility_call.hpp"

namespace pgtrickle {

/* C++ frames for a RenameStmt, an AlterObjectSchemaStmt and an AlterEnumStmt. */
void rename_object(const UtilityCall &call);
void move_object(const UtilityCall &call);
void alter_enumeration(const UtilityCall &call);

} // namespace pgtrickle
