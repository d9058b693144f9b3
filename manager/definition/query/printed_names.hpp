/*
 * Objects of users that the text of a query names, and on which PostgreSQL lets no rule depend: the type of an array
 * constructor, the result of a cast by a function, and what is named within a constant (an array of regclass, the
 * arguments of a regprocedure). An object that is renamed, moved or dropped must find the queries that name it.
 * PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::definition {

/* Makes the rule, which has the query, depend on these objects, and on the text search configuration that the query
 * uses through a recorded setting. */
void depend_on_printed_names(Oid rule, const Query *query, Oid configuration);

} // namespace pgtrickle::definition
