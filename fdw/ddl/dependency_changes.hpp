/*
 * Statements that change what a defining query means without touching the stream table: a function, view,
 * type or policy is replaced or altered. Functions and text search: altered_object.hpp.
 */
#pragma once

#include "fdw/ddl/utility_call.hpp"

namespace pgtrickle {

/* C++ frames. */
void replace_view(const UtilityCall &call);     /* ViewStmt … OR REPLACE; RuleStmt ON SELECT */
void alter_columns(const UtilityCall &call);    /* AlterTableStmt that adds or drops columns, or alters the expression of a virtual one */
void switch_policies(const UtilityCall &call);  /* AlterTableStmt … ROW LEVEL SECURITY, OWNER TO */

/* Whether an AlterTableStmt on something that is no stream table adds or drops columns. PostgreSQL frame. */
bool is_altering_row_type(const AlterTableStmt *statement);

/* Whether it gives a virtual column another expression. PostgreSQL frame. */
bool is_altering_virtual_column(const AlterTableStmt *statement);

/* Whether it puts the policies of a table in force, or out of it, if only for whoever reads as the owner of a view or
 * of the table. PostgreSQL frame. */
bool is_switching_policies(const AlterTableStmt *statement);

/* Stream tables that use the type start from nothing at the next refresh. A query that reads a column does not itself depend on the
 * column's type, but may print its values, so its stream table is one of them. PostgreSQL frame. */
void mark_users_of_type(Oid type, const char *reason);

/* The columns of a table or composite type are others, or have other names: what reads its rows as a whole is
 * defined anew, what prints values of the type starts from nothing. C++ frame. */
void note_row_type(Oid relid);

/* The statement has been run: the columns have changed as note_row_type() says, or what virtual ones compute. C++ frame. */
void note_columns(Oid relid, const AlterTableStmt *statement);

/* The stream table has another owner, whom its query reads as: where policies are in force for him, or were for the one
 * before, its rows and its heaps are others. C++ frame. */
void follow_owner(Oid relid);

/* A policy has been created or altered, or is about to be dropped, perhaps along with a role. PostgreSQL frame. */
void note_policy(Oid policy);

/* The policies of a table, or below a view, are in force now for somebody, or no longer. C++ frame. */
void note_policies(Oid relid);

} // namespace pgtrickle
