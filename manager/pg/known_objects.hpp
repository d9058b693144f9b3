/*
 * The functions and types of users that a query uses, by OID.
 *
 * A query names its functions, operators and casts by OID, as a view does. Text that we print of it names them by name, and a
 * cast, or a function with another signature, that somebody has made since would be found in their place, and run with the
 * rights of the stream table's owner. So what an analysis of our text has found is compared with what the query uses.
 *
 * PostgreSQL frames. Lists live in the memory context they were made in.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle {

struct KnownObjects {
    List *functions = NIL; /* OIDs: those of operators, casts and aggregates, too */
    List *types = NIL;     /* OIDs */
};

/* Of an analyzed and rewritten query, with the comparison functions of its types. */
KnownObjects known_objects_of(const Query *query);

/* Raises 55000 if `node`, a query or an expression of our text, uses a function or type of a user that is not known. Those of
 * this extension are. */
void require_known(::Node *node, const KnownObjects &known);

} // namespace pgtrickle
