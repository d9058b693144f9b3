/*
 * Where a query names a relation. Analysis keeps the location of expressions, but not of the relations in
 * FROM; it is found in the raw parse tree.
 */
#pragma once

#include "pg/versions/postgres.hpp"

namespace pgtrickle::translate {

/* Returns the byte offset in `query_text`, one statement, at which `relid` is first named, under the
 * search_path in force; -1 if the text does not name it, as when a view reads it. PostgreSQL frame. */
int location_of_relation(const char *query_text, Oid relid);

} // namespace pgtrickle::translate
