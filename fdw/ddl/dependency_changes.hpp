/*
 * Statements that change what a defining query means without naming the stream table: a view, type or policy
 * is replaced or altered. Functions and text search objects are in altered_object.hpp.
 */
#pragma once

#include "fdw/ddl/user_statement.hpp"

namespace pgtrickle {

/* Execute the statements. C++ frames. */
void replace_view(const UserStatement &call);    /* ViewStmt … OR REPLACE; RuleStmt ON SELECT */
void alter_columns(const UserStatement &call);   /* AlterTableStmt on columns: adding, dropping, virtual expressions */
void switch_policies(const UserStatement &call); /* AlterTableStmt … ROW LEVEL SECURITY, OWNER TO */
void reassign_owned(const UserStatement &call);  /* ReassignOwnedStmt */

/* Returns true if an AlterTableStmt on a relation that is no stream table adds, drops or retypes columns. PostgreSQL
 * frame. */
bool is_altering_row_type(const AlterTableStmt *statement);

/* Returns true if the statement changes the expression of a virtual column. PostgreSQL frame. */
bool is_altering_virtual_column(const AlterTableStmt *statement);

/* Returns true if the statement enables or disables policies of a table, even if only for the owner of the
 * table or for the role as which a view reads. PostgreSQL frame. */
bool is_switching_policies(const AlterTableStmt *statement);

/* Makes stream tables that use the type start from nothing at the next refresh. This includes stream tables
 * that read a column of the type, or a row with such a column, because a query may print its values although it does
 * not itself depend on the type. C++ frame. */
void mark_users_of_type(Oid type, const char *reason);

/* Processes changed columns, or changed names of columns, of a table or composite type, and of its descendants and
 * typed tables: stream tables that read rows as a whole are redefined, stream tables that print values of the type
 * start from nothing, and texts of queries follow. C++ frame. */
void note_row_type(Oid relid);
/* Does that for the relations that have lost columns in the statement (Noted::columns) and were not processed yet. */
void note_dropped_columns();

/* Processes a statement that has run: columns have changed as described at note_row_type(), or virtual
 * columns compute other values. C++ frame. */
void note_columns(Oid relid, const AlterTableStmt *statement);

/* Processes a new owner of the stream table. The query reads as its owner, so if policies apply to the new
 * owner, or applied to the former one, the rows and heaps differ. C++ frame. */
void follow_owner(Oid relid);

/* Returns the relations for which the owner may matter, of the owners that `is_owner` finds in `roles`: foreign tables,
 * views and tables with policies. PostgreSQL frame. */
List *relations_of(const List *roles, bool (*is_owner)(const List *roles, Oid owner));

/* Processes a policy that has been created or altered, or is about to be dropped, possibly with a role.
 * PostgreSQL frame. */
void note_policy(Oid policy);

/* Processes policies of a table, or of tables that a view reads, that have been enabled or disabled for a
 * role. C++ frame. */
void note_policies(Oid relid);

} // namespace pgtrickle
