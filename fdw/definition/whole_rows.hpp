/*
 * References to whole rows. No dependency shows the columns that they read, so a query with one is taken to read all
 * columns of the relation.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle {

/* Returns whether the query, the definition of a view that it reads, or a policy refers to a whole row. A reference to
 * a whole row of a view counts, too. Nothing is rewritten, and no relation waited for: the query is that of another
 * role, which may make it fail, take long, or lock what it reads. PostgreSQL frame. */
bool reads_whole_rows(const Query *query);

} // namespace pgtrickle
