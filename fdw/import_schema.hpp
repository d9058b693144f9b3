/*
 * IMPORT FOREIGN SCHEMA of the server pgtrickle: the "foreign" schema is one of this database, and each view and
 * materialized view in it becomes a stream table.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "foreign/fdwapi.h"
}

namespace pgtrickle {

/* Returns a CREATE FOREIGN TABLE statement for each view and materialized view of the schema, in the order of their
 * names, with the options of the statement; PostgreSQL executes those that LIMIT TO and EXCEPT select. A stream table
 * of a view reads the view, with the rights of its owner, and follows its changes; that of a materialized view has its
 * query. Callback of PostgreSQL. */
List *import_schema(ImportForeignSchemaStmt *statement, Oid server);

} // namespace pgtrickle
