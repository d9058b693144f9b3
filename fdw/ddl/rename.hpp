/*
 * RENAME and SET SCHEMA of stream tables and of what they use: the options follow, in the same
 * transaction.
 */
#pragma once

#include "fdw/ddl/utility_call.hpp"

namespace pgtrickle {

/* A label of the enumeration has another name. PostgreSQL frame. */
void follow_label(Oid type);

/* C++ frames for a RenameStmt and an AlterObjectSchemaStmt. */
void rename_object(const UtilityCall &call);
void move_object(const UtilityCall &call);

} // namespace pgtrickle
