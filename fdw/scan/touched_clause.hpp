/*
 * The condition on touched values (touched_values.hpp), as a clause that the plan of a statement carries.
 *
 *     pgtrickle.is_touched(k, 'touched values'::pgtrickle.touched_values)
 *
 * An exact read consists of the stored rows of which this is false and the computed ones of which it is true. It is
 * true or false, never NULL. The values are data of the sources, which a reader may not see: EXPLAIN prints the
 * constant by its output function, which shows none, and a user can make no constant of the type. The function is an
 * entry of no operator class, so that equality and hashing of the values run in the statement of the reader: only
 * types without code of a user have such a clause. PostgreSQL frames.
 */
#pragma once

#include "fdw/scan/touched_values.hpp"

namespace pgtrickle {

/* Returns true if there can be such a clause, apart from code of a user. */
bool can_be_hashed(const TouchedValues &touched);

/* Returns the clause on `value`, which is k. */
Node *touched_clause(const TouchedValues &touched, Var *value);

/* Returns true if `clause` is one of touched_clause(). */
bool is_touched_clause(const Node *clause);

/* Returns the same condition as operators of the type, by which indexes are searched. It shows the values. */
Node *searchable_clause(const TouchedValues &touched, Var *value);

/* Returns true if no row that is touched satisfies `clause`: it compares k, which is this column of the only relation
 * that it refers to, with a constant that is not touched. */
bool excludes_touched(const TouchedValues &touched, AttrNumber column, const Node *clause);

} // namespace pgtrickle
