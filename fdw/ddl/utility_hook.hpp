/*
 * Selects the utility statements that concern stream tables, and the functions that execute them. Every other
 * statement passes unchanged, without a copy.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "fdw/ddl/user_statement.hpp"
#include "fdw/definition/stream_table_named.hpp"

namespace pgtrickle {

/* Return the function that executes a statement of this kind in PostgreSQL's place; null if PostgreSQL
 * executes it. Called only in a database that has the extension. */
StatementHandler handler_of(const CreateForeignTableStmt *statement);
StatementHandler handler_of(const AlterTableStmt *statement);
StatementHandler handler_of(const RefreshMatViewStmt *statement);
StatementHandler handler_of(const RenameStmt *statement);
StatementHandler handler_of(const AlterObjectSchemaStmt *statement);
StatementHandler handler_of(const ReassignOwnedStmt *statement);
StatementHandler handler_of(const DropStmt *statement);
StatementHandler handler_of(const DropOwnedStmt *statement);
StatementHandler handler_of(const GrantStmt *statement);
StatementHandler handler_of(const GrantRoleStmt *statement);
StatementHandler handler_of(const CreateRoleStmt *statement);
StatementHandler handler_of(const AlterRoleStmt *statement);
StatementHandler handler_of(const DropRoleStmt *statement);
StatementHandler handler_of(const ViewStmt *statement);
StatementHandler handler_of(const RuleStmt *statement);
StatementHandler handler_of(const AlterEnumStmt *statement);
StatementHandler handler_of(const CreatePublicationStmt *statement);
StatementHandler handler_of(const IndexStmt *statement);
/* Raises 0A000 for a trigger on a stream table. */
StatementHandler handler_of(const CreateTrigStmt *statement);

/* Executes the statement by `handler`, or without the extension if `handler` is null. */
void carry_out(const UtilityCall &call, StatementHandler handler);

/* Entries of fdw/module.cpp, each for one kind of statement. */
template <class Statement> void follow(const UtilityCall &call)
{
    auto *statement = reinterpret_cast<const Statement *>(call.statement());
    carry_out(call, is_definition_followed() ? handler_of(statement) : nullptr);
}

} // namespace pgtrickle
