/*
 * Names that a maintenance statement cannot say.
 *
 * A view goes on calling a function of a schema after USAGE on the schema is revoked, as its rule names the function by
 * OID. A statement of ours names functions, operators and collations, and is analyzed as the owner of the stream
 * table; so a query that reads such a view is kept by full refreshes, which run its tree.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/primnodes.h"
}

namespace pgtrickle::translate {

struct UnusableName {
    const char *name; /* "function f", say; nullptr if there is none */
    const char *schema;
};

/* The first function, operator or collation of `node` in a schema on which the current user lacks USAGE. PostgreSQL
 * frames; results in the current memory context. */
UnusableName unusable_name(Node *node);
UnusableName unusable_operator(Oid number);
UnusableName unusable_collation(Oid collation);

/* Throws the objection. */
[[noreturn]] void refuse_unusable(const UnusableName &found);

} // namespace pgtrickle::translate
