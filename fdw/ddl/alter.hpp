/*
 * ALTER (FOREIGN) TABLE on a stream table or on a table that one reads.
 */
#pragma once

#include "fdw/ddl/utility_call.hpp"

namespace pgtrickle {

/* Whether the AlterTableStmt concerns us. Cheap; takes no lock. PostgreSQL frame. */
bool is_our_alter(const AlterTableStmt *statement);

/* Carries it out. C++ frame. */
void alter_table(const UtilityCall &call);

} // namespace pgtrickle
