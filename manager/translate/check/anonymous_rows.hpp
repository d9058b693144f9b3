/*
 * What the anonymous rows of a query contain.
 *
 * No column of a table is of type record: a query makes its anonymous rows itself, by ROW(), as whole rows of what has no row
 * type, or by functions that return record. So the columns of all rows that it makes contain those of any one that it prints.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::translate {

struct AnonymousRows {
    List *types = NIL;             /* of columns, each once; none is record itself */
    bool are_known = true; /* false: a function returns rows, and nothing says of which columns */
};

/* PostgreSQL frame; the list lies in the current context. */
AnonymousRows anonymous_rows_of(Query *query);

} // namespace pgtrickle::translate
