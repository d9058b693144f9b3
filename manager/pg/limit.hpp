/*
 * LIMIT and OFFSET as parse analysis leaves them. PostgreSQL frames; no function is called, as constants are not folded.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle {

/* LIMIT ALL, LIMIT NULL, OFFSET NULL and none at all leave every row. */
bool is_no_limit(const ::Node *count);
/* OFFSET 0 does, too. */
bool is_no_offset(const ::Node *count);

inline bool leaves_all_rows(const Query *query)
{
    return is_no_limit(query->limitCount) && is_no_offset(query->limitOffset);
}

/* Whether a row is left where there are any. False where it is not known. */
bool leaves_a_row(const Query *query);

/* Removes, at all levels of the query, what leaves every row. */
void drop_idle_limits(Query *query);

} // namespace pgtrickle
