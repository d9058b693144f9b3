/*
 * Turns the text of a defining query into the analysed query whose output is exactly the declared columns.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

#include <string>

namespace pgtrickle::definition {

struct ParsedQuery {
    Query *query;
    List *aliases; /* String nodes: the output columns' names given by AS, NULL where there is none; NIL if
                    * the text does not show them */
};

/* Parses and analyses `text`, one SELECT, under the settings in force. Errors carry the cursor position in
 * the client's statement if the text is found in it, otherwise in the text; syntax errors read "query parse
 * error: …", others are PostgreSQL's own. Takes AccessShare on the query's relations. C++ frame. */
ParsedQuery parse_query(const std::string &text);

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

/* A column that the stream table has lost. Its query has a NULL there, and its storage a column of these values, so
 * that the other columns keep their numbers in all relations; the text of the query lacks it. PostgreSQL frames. */
WantedColumn dropped_column(AttrNumber number);
bool is_dropped_column(const char *name);
/* Removes these columns from the output of a stored query, which is wrapped if they are not of a plain SELECT. */
void remove_dropped_columns(Query *query);

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

/* While an object exists, cursor positions of messages, which count in `text`, become positions in the
 * client's statement. The text must outlive the object. C++ frames. */
class TransposedPositions {
  public:
    explicit TransposedPositions(const std::string &text);
    ~TransposedPositions() { error_context_stack = callback_.previous; }
    TransposedPositions(const TransposedPositions &) = delete;
    TransposedPositions &operator=(const TransposedPositions &) = delete;

  private:
    ErrorContextCallback callback_;
};

} // namespace pgtrickle::definition
