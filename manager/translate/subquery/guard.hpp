/*
 * For which rows PostgreSQL evaluates a subquery of an expression.
 *
 * A branch of CASE, and a later argument of COALESCE, AND and OR, are evaluated only for rows for which those before
 * leave the answer open, and the arguments of an aggregate or window function for all rows that its FILTER selects,
 * wherever it is written. The domain of a subquery that may fail (domain.hpp) must have no other rows: a failure for
 * one of these would be one that the query does not have.
 *
 * SQL does not promise the order of AND and OR, so that they do not count for EXISTS, ANY and ALL, for which a domain
 * may cost more than the semi join without one, nor for a subquery that reads no column, which needs no other domain.
 */
#pragma once

#include "translate/level/level.hpp"

namespace pgtrickle::translate {

/* Returns the condition under which the expressions evaluate `link`, over the same columns as they, which are evaluated
 * under `outer` themselves; null: always. PostgreSQL frame. */
Node *guard_of(List *expressions, SubLink *link, bool is_correlated, Node *outer);

/* Whether each condition under which they evaluate it reads the value of a window function. PostgreSQL frame. */
bool is_behind_windows(List *expressions, SubLink *link, bool is_correlated);

/* Whether the expression can be computed from the columns. PostgreSQL frame. */
bool can_be_computed(Node *expression, Node *const *columns, size_t count);

} // namespace pgtrickle::translate
