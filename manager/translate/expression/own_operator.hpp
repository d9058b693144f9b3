/*
 * Expressions whose operators PostgreSQL prints without their schemas.
 *
 * `a IS DISTINCT FROM b`, `NULLIF(a, b)`, `CASE a WHEN b` and row comparisons name no operator; parsed again, they
 * find one by the search path alone, which has no schema of an extension's type (citext). Each is spelled here by
 * `OPERATOR(schema.=)`, in other words that mean the same.
 *
 * A PostgreSQL frame.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/nodes.h"
}

namespace pgtrickle::translate {

/* The same expression; `node` itself stays as it is. */
Node *with_own_operators_spelled(Node *node);

} // namespace pgtrickle::translate
