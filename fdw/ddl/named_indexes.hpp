/*
 * ALTER TABLE … ADD CONSTRAINT … USING INDEX gives the index the name of the constraint, by which constants of type
 * regclass name it in queries: their texts follow, as with RENAME (rename.hpp).
 */
#pragma once

#include "fdw/ddl/user_statement.hpp"

namespace pgtrickle {

/* PostgreSQL frame. */
bool is_naming_index(const AlterTableStmt *statement);

/* Executes such a statement by `carry_out`, or as PostgreSQL does if that is null. C++ frame. */
void name_indexes(const UserStatement &call, StatementHandler carry_out);

} // namespace pgtrickle
