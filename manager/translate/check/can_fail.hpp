/*
 * Whether an expression can raise an error.
 *
 * The expressions of an index or an arrangement are evaluated for every row of a relation, whereas a query
 * evaluates its expressions only for the rows that its joins and filters return. Therefore a stored
 * expression must be total: it has a value for all values of its columns, apart from lack of memory, and runs
 * no code but PostgreSQL's own.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::translate {

/* `node` is as parsed, its constants not folded. Returns true if the answer is unknown. PostgreSQL frame. */
bool may_fail(Node *node);
/* As above, for the rows of the sub-query and its test, not for their number. */
bool may_fail_in(const SubLink *link);
/* As above, for the rows of the query. */
bool may_fail_in(Query *query);

} // namespace pgtrickle::translate
