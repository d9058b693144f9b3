/*
 * The columns of a query that takes the place of another. As for CREATE OR REPLACE VIEW, the columns of the stream
 * table stay where they are, and others can follow them. A column can get another type, as by ALTER COLUMN TYPE.
 */
#pragma once

#include "definition/query/query.hpp"

namespace pgtrickle::definition {

/* The changes of the columns of a stream table: ColumnDefs. */
struct ColumnChanges {
    List *appended = NIL;
    List *retyped = NIL;
};

/* Returns how the columns change where `next` takes the place of the `present` query; the `count` declared ones get
 * their types. A column that was declared with another type than its query returned keeps it, as long as the
 * query returns that type. Raises 42P16 if an output column of `next` would move to another column. PostgreSQL frame.
 */
ColumnChanges altered_columns(Query *next, const Query *present, WantedColumn *declared, int count);

/* Raises 42939 if the name is reserved for a hidden column. PostgreSQL frame. */
void check_column_name(const char *name);

} // namespace pgtrickle::definition
