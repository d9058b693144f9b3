/*
 * The form of a query in which its printed text has one meaning, the same when it is parsed again.
 *
 * PostgreSQL prints some parts of a query by words that it looks up when it reads them: JOIN … USING looks its
 * operators up along the search path, which does not include the schema of an extension's type (citext), and a name in
 * ORDER BY means an output column first, and one of two equal keys of grouping sets is the first of them. Such parts
 * are printed in another form here: as JOIN … ON, as qualified columns, and as COALESCE of the key.
 *
 * PostgreSQL frame.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::definition {

/* Returns an equivalent query for pg_get_querydef(); `query` itself is not modified. */
Query *in_printed_form(Query *query);

} // namespace pgtrickle::definition
