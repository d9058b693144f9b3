/*
 * Objects of users on which PostgreSQL lets no rule depend: types that the text of a query names, which are the type of
 * an array constructor and the result of a cast by a function; what is named within a constant (an array of regclass,
 * the arguments of a regprocedure); and the casts of set operations with their functions. An object that is renamed,
 * moved, replaced or dropped must find the queries that use it. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::definition {

/* Makes the rule, which has the query, depend on these objects, and on the text search configuration that the query
 * uses through a recorded setting. */
void depend_on_unrecorded(Oid rule, const Query *query, Oid configuration);

} // namespace pgtrickle::definition
