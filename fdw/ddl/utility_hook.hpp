/*
 * Which utility statements concern stream tables, and what carries them out. Every other statement passes as it came, uncopied.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "fdw/ddl/utility_call.hpp"

namespace pgtrickle {

/* What carries out a statement of this kind in PostgreSQL's place; null: PostgreSQL does. Asked in a database with the extension
 * only. */
StatementHandler handler_of(const CreateForeignTableStmt *statement);
StatementHandler handler_of(const AlterTableStmt *statement);
StatementHandler handler_of(const RefreshMatViewStmt *statement);
StatementHandler handler_of(const RenameStmt *statement);
StatementHandler handler_of(const AlterObjectSchemaStmt *statement);
StatementHandler handler_of(const ReassignOwnedStmt *statement);
StatementHandler handler_of(const GrantStmt *statement);
StatementHandler handler_of(const GrantRoleStmt *statement);
StatementHandler handler_of(const ViewStmt *statement);
StatementHandler handler_of(const RuleStmt *statement);
StatementHandler handler_of(const AlterEnumStmt *statement);
StatementHandler handler_of(const CreatePublicationStmt *statement);
StatementHandler handler_of(const IndexStmt *statement);
StatementHandler handler_of(const DropStmt *statement);
/* Refuses triggers on stream tables. */
StatementHandler handler_of(const CreateTrigStmt *statement);

/* Whether definitions follow statements here: the library is preloaded, and the database has the extension. */
bool is_definition_followed();

/* Runs it by `handler`, or if that is null as it would be run without us. */
void carry_out(const UtilityCall &call, StatementHandler handler);

/* Entries of fdw/module.cpp, each for the kind of statement that it is called by. */
template <class Statement> void follow(const UtilityCall &call)
{
    auto *statement = reinterpret_cast<const Statement *>(call.statement());
    carry_out(call, is_definition_followed() ? handler_of(statement) : nullptr);
}
void follow_commit_prepared(const UtilityCall &call);

} // namespace pgtrickle
