/*
 * LIMIT and OFFSET as parse analysis produces them. PostgreSQL frames; no function is called, as constants
 * are not folded.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle {

/* Whether `count` of a LIMIT or OFFSET removes no row because it is absent, ALL or NULL. */
bool is_no_limit(const ::Node *count);
/* Whether an OFFSET removes no row: as is_no_limit(), and OFFSET 0. */
bool is_no_offset(const ::Node *count);

/* Whether the LIMIT of the query removes no row: as is_no_limit(), and LIMIT 1 of an aggregate without GROUP BY. */
bool is_idle_limit(const Query *query);

inline bool leaves_all_rows(const Query *query)
{
    return is_idle_limit(query) && is_no_offset(query->limitOffset);
}

/* Whether the query leaves open which rows it returns: it has a LIMIT or OFFSET, and no ORDER BY. */
inline bool leaves_choice_of_rows(const Query *query)
{
    return query->sortClause == NIL && !leaves_all_rows(query);
}

/* Whether the query returns a row if its input has any. False if that is unknown. */
bool leaves_a_row(const Query *query);

/* Removes each LIMIT and OFFSET that removes no row, at all levels of the query. */
void drop_idle_limits(Query *query);

} // namespace pgtrickle
