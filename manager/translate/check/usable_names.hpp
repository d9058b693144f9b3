/*
 * Names that a maintenance statement cannot use.
 *
 * A view continues to call a function of a schema after USAGE on the schema is revoked, as its rule refers to
 * the function by OID. A maintenance statement names functions, operators and collations, and is analyzed as
 * the owner of the stream table. A query that reads such a view is therefore maintained by full refreshes,
 * which run its tree. So is one whose call fits a function, or operands an operator, that has been created since as
 * well as its own: PostgreSQL cannot choose by the name. Where one fits better, the text has another tree
 * (expression/expression.hpp).
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/primnodes.h"
}

namespace pgtrickle::translate {

struct UnusableName {
    const char *name; /* such as "function f"; nullptr if there is none */
    const char *schema;
    bool is_ambiguous; /* false: the current user lacks USAGE on the schema */
};

/* Returns the first function, operator or collation of `node` whose name cannot be used. PostgreSQL frames; results are
 * allocated in the current memory context. */
UnusableName unusable_name(Node *node);
/* These two look at the schema only. */
UnusableName unusable_operator(Oid number);
UnusableName unusable_collation(Oid collation);

/* Throws the objection. */
[[noreturn]] void refuse_unusable(const UnusableName &found);

} // namespace pgtrickle::translate
