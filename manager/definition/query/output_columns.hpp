/*
 * The output of a stored query is exactly the columns of its stream table: with their types, in their places, and under
 * their names.
 *
 * A declared column is a cast of a value that the query returns, and a column that the stream table has lost is a NULL.
 * A printed text has neither.
 */
#pragma once

#include "definition/query/query.hpp"

namespace pgtrickle::definition {

/* An output column as declared or requested. */
struct WantedColumn {
    const char *name;
    Oid type;
    int32 typmod;
    Oid collation; /* InvalidOid: the query's */
    int location;  /* in the statement that declares it; -1: unknown */
    bool is_dropped = false;
};

/* Returns the query of `parsed` with its output columns cast to the wanted types and given the wanted names, and a NULL
 * in the place of each dropped column; completes the wanted collations. Raises 42P16 or 42804 if the query does not
 * fit. The locations count in `statement`, which may be null. PostgreSQL frame. */
Query *fit_columns(const ParsedQuery &parsed, WantedColumn *wanted, int count, const char *statement);

/* Raises 42P16 for the column with this number, which the query gives another name; `statement` as in fit_columns().
 * PostgreSQL frame. */
void report_other_name(int number, const WantedColumn &column, const char *name, const char *statement);

/* A column that the stream table has lost. Its query has a NULL there, and its storage a column of these values, so
 * that the other columns keep their numbers in all relations; the text of the query lacks it. PostgreSQL frames. */
WantedColumn dropped_column(AttrNumber number);
bool is_dropped_column(const char *name);
/* Removes these columns from the output of a stored query, which is wrapped if they are not of a plain SELECT. */
void remove_dropped_columns(Query *query);

/* Returns the argument of an implicit conversion, or null for any other expression. PostgreSQL frame. */
Expr *converted(Expr *expression);
/* Returns the value of an output column before fit_columns() cast it, with the collation that it was given. A query
 * itself has no implicit conversion at the top of a target, but of XMLSERIALIZE, which brings it again. PostgreSQL
 * frames. */
Expr *without_cast(Expr *expression);
/* Removes these casts from the whole output. A text could show them only as explicit ones, which truncate what an
 * assignment refuses; the declared types bring them again. */
void remove_casts(Query *query);

/* Gives the first branch of a set operation, from which the names of its columns are printed, those of the whole query.
 * PostgreSQL frame. */
void name_first_branch(Query *query);

/* Returns the columns that `query` has without a declaration, with types and collations resolved, as
 * ColumnDefs. PostgreSQL frame. */
List *column_definitions(Query *query);

} // namespace pgtrickle::definition
