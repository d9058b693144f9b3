/*
 * The columns of a query that takes the place of another. As for CREATE OR REPLACE VIEW, the columns of the stream
 * table stay in their order, and others can follow them. Beyond that, a column can get another type, as by ALTER COLUMN
 * TYPE, and a column that the query does not name any more is dropped, as by DROP COLUMN.
 */
#pragma once

#include "definition/query/output_columns.hpp"

namespace pgtrickle::definition {

/* The changes of the columns of a stream table: ColumnDefs, and the names of those that are dropped (String). */
struct ColumnChanges {
    List *appended = NIL;
    List *retyped = NIL;
    List *dropped = NIL;
};

/* Returns how the columns change where the query of `next` takes the place of the `present` query; the `count` declared
 * ones get their types, or are marked as dropped. A column that was declared with another type than its query returned
 * keeps it, as long as the query returns that type. Raises 42P16 if an output column of `next` would move to another
 * column or take the place of one, or if it is not clear which columns it lacks. PostgreSQL frame. */
ColumnChanges altered_columns(const ParsedQuery &next, const Query *present, WantedColumn *declared, int count);

/* Raises 42939 if the name is reserved for a hidden column. PostgreSQL frame. */
void check_column_name(const char *name);

} // namespace pgtrickle::definition
