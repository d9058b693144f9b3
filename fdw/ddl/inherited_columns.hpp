/*
 * Columns that a stream table inherits: they are the columns of its query, and are altered together with the
 * columns of its parents.
 *
 *   DROP COLUMN    is refused if the stream table would lose the column;
 *   ALTER TYPE     is followed: the query is cast to the new type and the rows are recomputed, in the same
 *                  statement, which fails if the query has no value of that type;
 *   RENAME         is followed (rename.cpp);
 *   SET STATISTICS, SET (n_distinct …), SET STORAGE  are followed by the storage;
 *   CHECK, NOT NULL  of a parent are refused unless they are the parent's alone.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

#include <vector>

namespace pgtrickle {

/* Returns the tables OF the composite type, whose columns ALTER TYPE … CASCADE alters. Reads all of pg_class.
 * PostgreSQL frame. */
List *typed_tables_of(Oid composite);

/* Returns the relations whose columns a statement alters that alters those of relid: relid, its tables if it is a
 * composite type, and the descendants of these. PostgreSQL frame. */
List *altered_with(Oid relid);

/* Raises 0A000 if the statement drops a column that a stream table inherits only from relid. PostgreSQL
 * frame. */
void check_dropping_from_parent(Oid relid, const AlterTableStmt *statement);

/* Raises 0A000 if a stream table among the descendants of relid has a constraint, after a statement that may have added
 * one. PostgreSQL frame. */
void check_inherited_constraints(Oid relid);

/* Returns true if the columns of the stream table have the types that its query returns. Raises 55000 if the
 * stream table has lost a column. PostgreSQL frame. */
bool has_columns_of_its_query(Oid relid);

/* Copies settings of columns to the storages of the stream tables whose columns the statement, which has run, has set
 * together with those of relid, including relid itself. PostgreSQL frame. */
void follow_column_settings(Oid relid, const AlterTableStmt *statement);

/* Returns the stream tables whose columns the statement, which has run, has given another type together with
 * those of their parent. PostgreSQL has checked the ownership of the stream tables. C++ frame. */
std::vector<Oid> retyped_children(Oid relid, const AlterTableStmt *statement);

} // namespace pgtrickle
