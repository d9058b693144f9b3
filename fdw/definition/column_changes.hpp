/*
 * The columns that another query of a stream table appends, retypes and drops (definition/query/altered_columns.hpp):
 * PostgreSQL changes them in the statement that alters the query. PostgreSQL frames.
 */
#pragma once

#include "definition/query/altered_columns.hpp"

namespace pgtrickle {

/* Has the statement change the columns, too. Raises an error where PostgreSQL would, after the fill, or where it would
 * change tables that inherit from the stream table. */
void change_columns(Oid relid, AlterTableStmt *statement, const definition::ColumnChanges &changes);

/* Returns the messages about the dropped columns, and about what goes with them. To be called before the statement is
 * executed. */
List *losses_of(Oid relid, const definition::ColumnChanges &columns);

} // namespace pgtrickle
