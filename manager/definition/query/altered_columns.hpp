/*
 * The columns of a query that takes the place of another. As for CREATE OR REPLACE VIEW, the columns of the stream
 * table stay where they are, and others can follow them.
 */
#pragma once

#include "definition/query/query.hpp"

namespace pgtrickle::definition {

/* Raises 42P16 if an output column of `next` would move to another of the `count` declared columns, or would be cast
 * to the type of a column to which the `present` query returns a value without a cast. PostgreSQL frame. */
void check_altered_columns(const Query *next, const Query *present, const WantedColumn *declared, int count);

/* Raises 42939 if the name is reserved for a hidden column. PostgreSQL frame. */
void check_column_name(const char *name);

} // namespace pgtrickle::definition
