/*
 * Comparisons of a row with those of a subquery, whose columns have operators of several schemas.
 *
 * PostgreSQL prints one operator for all columns, that of the first: parsed again, another one compares the others.
 * Such a comparison is rewritten here to one that the subquery makes, column by column:
 *
 *   (a, b) IN (SELECT …)   true IN (SELECT a = r.c1 AND b = r.c2 FROM (SELECT …) AS r(c1, c2))
 *   (a, b) < (SELECT …)    (SELECT (a, b) < (r.c1, r.c2) FROM (SELECT …) AS r(c1, c2))
 *
 * which is the same also with NULLs. To a condition of WHERE, NULL is as good as false: there EXISTS takes the place of
 * IN, as it is looked up by its columns.
 *
 * PostgreSQL frame.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::definition {

/* Returns the equivalent expression, or `comparison` itself if its text has one meaning. `grouped` is the query whose
 * groups the row belongs to; null if it is one of rows. Raises 0A000 for a row that cannot be computed in a subquery.
 */
::Node *compared_by_columns(SubLink *comparison, Query *grouped);

/* Returns a WHERE or ON condition in which EXISTS takes the place of such comparisons. */
::Node *with_existing_rows(::Node *condition);

} // namespace pgtrickle::definition
