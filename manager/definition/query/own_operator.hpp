/*
 * Expressions whose operators PostgreSQL prints without their schemas.
 *
 * `a IS DISTINCT FROM b`, `NULLIF(a, b)`, `CASE a WHEN b` and row comparisons name no operator; when parsed
 * again, they look one up along the search path, which does not include the schema of an extension's type
 * (citext). Each of them is rewritten here to an equivalent expression that uses `OPERATOR(schema.=)`. So are
 * comparisons of rows with subqueries (row_comparison.hpp).
 *
 * PostgreSQL frame.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/nodes.h"
}

namespace pgtrickle::definition {

/* Returns the equivalent expression or Query; `node` itself is not modified. */
::Node *with_own_operators_spelled(::Node *node);

Oid schema_of_operator(Oid operator_oid);
/* Whether the operator has to be named with its schema. */
bool is_own_operator(Oid operator_oid);

} // namespace pgtrickle::definition
