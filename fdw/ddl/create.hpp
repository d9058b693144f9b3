/*
 * CREATE FOREIGN TABLE … SERVER pgtrickle, from the statement to a filled stream table, in the statement's
 * transaction.
 */
#pragma once

#include "fdw/ddl/user_statement.hpp"

namespace pgtrickle {

/* Executes a CreateForeignTableStmt on the extension's server. C++ frame. */
void create_stream_table(const UserStatement &call);

} // namespace pgtrickle
