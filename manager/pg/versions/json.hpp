/*
 * What differs between the versions of PostgreSQL in the constructors of JSON, which are nodes since 16; see versions.hpp.
 * PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/primnodes.h"
}

namespace pgtrickle {

/* The values that a JSON constructor itself writes as text; none for another node. */
inline List *values_of_json_constructor([[maybe_unused]] ::Node *node)
{
#if PG_VERSION_NUM >= 160000
    if (IsA(node, JsonConstructorExpr))
        return castNode(JsonConstructorExpr, node)->args;
#endif
    return NIL;
}

} // namespace pgtrickle
