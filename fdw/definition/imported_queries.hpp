/*
 * Queries of materialized views that IMPORT FOREIGN SCHEMA passes, as texts, to the statements that create stream
 * tables. These statements run one after the other, and may take long: any role may create functions meanwhile that a
 * text finds in place of those of the query.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle {

/* Keeps, for this transaction, which objects the query of the materialized view uses, whose text is passed. */
void keep_what_is_meant(const char *name, const char *text, const Query *query);

/* Raises an error if `found`, the analyzed text for the stream table `name`, uses a function, operator or type that the
 * query of that text did not use. Does nothing for a text that is not of an import. */
void require_meant(const char *name, const char *text, Query *found);

} // namespace pgtrickle
