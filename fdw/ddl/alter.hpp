/*
 * ALTER (FOREIGN) TABLE on a stream table or on a table that a stream table reads.
 */
#pragma once

#include "fdw/ddl/user_statement.hpp"

namespace pgtrickle {

/* Returns true if the AlterTableStmt concerns a stream table. Cheap; takes no lock. PostgreSQL frame. */
bool is_our_alter(const AlterTableStmt *statement);

/* Returns whether a query, analyzed under the settings of the session, is that of the stream table in another spelling.
 * Raises an error if the stream table could not have the query. C++ frame. */
bool has_query(Oid relid, const std::string &text);

/* Executes the statement. C++ frame. */
void alter_table(const UserStatement &call);

} // namespace pgtrickle
