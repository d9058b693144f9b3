/*
 * The casts that PostgreSQL has added to a query for the types of its values. The printed text has them, and read
 * again they are casts of the user: where a column has another type then, its values are still cast as before.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::definition {

/* Returns the query without these casts, to be printed only; `query` itself is not modified. */
Query *without_implicit_casts(Query *query);

} // namespace pgtrickle::definition
