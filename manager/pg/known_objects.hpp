/*
 * The functions and types of users that a query uses, by OID.
 *
 * A query refers to its functions, operators and casts by OID, as a view does. The SQL text that the
 * extension prints from it refers to them by name. A cast, or a function with another signature, that was
 * created since could be found in their place, and would run with the rights of the stream table's owner. For
 * this reason the objects that analysis of a printed text has found are compared with those that the query
 * uses.
 *
 * PostgreSQL frames. Lists are allocated in the memory context that is current when they are made.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle {

struct KnownObjects {
    List *functions = NIL; /* OIDs of functions, including those of operators, casts and aggregates */
    List *types = NIL;     /* OIDs of types */
};

/* Whether the function belongs to pg_trickle. A role with CREATE on the schema of the extension may have functions of
 * its own there, which do not. */
bool is_of_this_extension(Oid function);

/* Returns the objects of an analyzed and rewritten query, with the comparison functions of its types. */
KnownObjects known_objects_of(const Query *query);

/* Raises 55000 if `node`, a query or an expression of a printed text, uses a function or type of a user that
 * is not known. Objects of this extension are known. */
void require_known(::Node *node, const KnownObjects &known);
/* Whether require_known() would raise no error. */
bool has_only_known(::Node *node, const KnownObjects &known);

} // namespace pgtrickle
