/*
 * ALTER (FOREIGN) TABLE on a stream table or on a table that a stream table reads.
 */
#pragma once

#include "fdw/ddl/utility_call.hpp"

namespace pgtrickle {

/* Returns true if the AlterTableStmt concerns a stream table. Cheap; takes no lock. PostgreSQL frame. */
bool is_our_alter(const AlterTableStmt *statement);

/* Executes the statement. C++ frame. */
void alter_table(const UtilityCall &call);

} // namespace pgtrickle
