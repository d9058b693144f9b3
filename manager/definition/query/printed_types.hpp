/*
 * Types of users that the text of a query names, and on which PostgreSQL lets no rule depend: the type of an array
 * constructor, and the result of a cast by a function. A type that is renamed, moved or dropped must find the queries
 * that name it. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::definition {

/* Makes the rule, which has the query, depend on these types. */
void depend_on_printed_types(Oid rule, const Query *query);

} // namespace pgtrickle::definition
