/*
 * Queries and expressions, as the catalogs store them, that consist of known code (known_code.hpp). A node of another
 * kind than those listed is not known. The nodes are looked at, not planned: nothing of them is run.
 */
#pragma once

#include "refresh/code/known_code.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace pgtrickle::refresh {

struct KnownQuery {
    KnownCode code;
    List *relations = NIL; /* OIDs of those that the queries read: they are to be looked at, too */
    List *others = NIL;    /* OIDs of other relations that were looked at */

    /* Takes a List, a Query, or an expression. PostgreSQL frame. */
    bool includes(::Node *node);
};

/* Whether an expression calls PostgreSQL's own operators and functions only, of PostgreSQL's types and enumerations:
 * planning it, which estimates by related operators and inlines functions, runs nothing else. PostgreSQL frame. */
bool runs_only_postgresql(::Node *expression);

} // namespace pgtrickle::refresh
