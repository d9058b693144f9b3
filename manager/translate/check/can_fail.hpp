/*
 * Whether an expression can raise an error.
 *
 * What an index or an arrangement holds is evaluated for every row of a relation, and a query evaluates its
 * expressions for those rows only that its joins and filters leave. So what is held must be total: it has a value
 * for all values of its columns, lack of memory aside, and runs no code but PostgreSQL's own.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::translate {

/* PostgreSQL frame. `node` as parsed, its constants not yet folded. True where it is not known. */
bool may_fail(Node *node);

} // namespace pgtrickle::translate
