/*
 * Columns that a stream table inherits: they are those of its query, and are altered with those of its parents.
 *
 *   DROP COLUMN    is refused, if the stream table would lose the column;
 *   ALTER TYPE     is followed: the query is cast to the new type and the rows are made of it, in the same statement. Where
 *                  the query has no value of that type the statement fails;
 *   RENAME         is followed (rename.cpp).
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

#include <vector>

namespace pgtrickle {

/* PostgreSQL frame. */
void check_dropping_from_parent(Oid relid, const AlterTableStmt *statement);

/* Whether the types of the stream table's columns are those that its query returns. Raises 55000 where it has lost one.
 * PostgreSQL frame. */
bool has_columns_of_its_query(Oid relid);

/* The stream tables whose columns the statement, which has run, has retyped with those of their parent; core has asked for
 * their ownership. C++ frame. */
std::vector<Oid> retyped_children(Oid relid, const AlterTableStmt *statement);

} // namespace pgtrickle
