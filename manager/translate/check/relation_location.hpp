/*
 * Where a query names a relation. Analysis keeps the location of expressions, but not that of
 * the relations in FROM: it is found again in the raw parse tree.
 */
#pragma once

#include "pg/versions/postgres.hpp"

namespace pgtrickle::translate {

/* The byte of `query_text`, one statement, at which `relid` is first named, under the search_path
 * in force; -1 where that is not to be seen in the text, as below a view. PostgreSQL frame. */
int location_of_relation(const char *query_text, Oid relid);

} // namespace pgtrickle::translate
