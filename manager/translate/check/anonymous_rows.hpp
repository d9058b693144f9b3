/*
 * Column types of the anonymous rows of a query.
 *
 * No column of a table is of type record: a query constructs its anonymous rows itself, by ROW(), as whole
 * rows of FROM items without a row type, or by functions that return record. Therefore the columns of all
 * rows that a query constructs include those of any row that it prints.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::translate {

struct AnonymousRows {
    List *types = NIL;     /* types of columns, each once; never record itself */
    bool are_known = true; /* false if a function returns rows whose columns are unknown */
};

/* Returns the types; the list is allocated in the current memory context. PostgreSQL frame. */
AnonymousRows anonymous_rows_of(Query *query);

} // namespace pgtrickle::translate
