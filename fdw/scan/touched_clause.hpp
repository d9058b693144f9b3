/*
 * The condition on touched rows, as a clause that the plan of a statement carries.
 *
 *     pgtrickle.is_touched('touched values'::pgtrickle.touched_values, k, …)
 *
 * An exact read consists of the stored rows of which this is false and the computed ones of which it is true. It is
 * true or false, never NULL: two NULLs are the same. The values are data of the sources, which a reader may not see:
 * EXPLAIN prints the constant by its output function, which shows none, and a user can make no constant of the type.
 * Equality and hashing of the values run in the statement of the reader: only types without code of a user may have
 * such a clause there. PostgreSQL frames.
 */
#pragma once

#include "fdw/scan/touched_values.hpp"
#include "storage/apply/delta_sort.hpp"

namespace pgtrickle {

/* One of the columns k. */
struct TouchedColumn {
    AttrNumber column; /* of the foreign table */
    Oid equals;
    Oid type; /* of the operands of `equals` */
};

/* The touched rows, by their values of these columns. */
struct TouchedKeys {
    int column_count = 0;
    const TouchedColumn *columns = nullptr;
    List *keys = NIL; /* of KeptRow; a row may have further values behind these */
};

/* Returns the values as keys of one column, which is that of the foreign table. */
TouchedKeys keys_of(const TouchedValues &touched, AttrNumber column);

/* Returns true if there can be such a clause, apart from code of a user: equality of the columns can be hashed, and the
 * values are not too large for a plan, which has several copies of them while it is made. */
bool can_be_in_clause(const TouchedKeys &touched);

/* Returns the clause on `values`, the Vars k, …. */
Node *touched_clause(const TouchedKeys &touched, List *values);

/* Returns true if `clause` is one of touched_clause(). */
bool is_touched_clause(const Node *clause);

/* Returns the same condition on `value` as operators of the type, by which indexes are searched. It shows the values.
 */
Node *searchable_clause(const TouchedValues &touched, Var *value);

/* Returns true if no touched row satisfies `clause`: it compares one of the columns with a constant that no touched row
 * has there. The clause refers to no other relation. */
bool excludes_touched(const TouchedKeys &touched, const Node *clause);

} // namespace pgtrickle
