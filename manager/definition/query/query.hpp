/*
 * From the text of a defining query to the analysed query whose output is exactly the
 * declared columns.
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
    List *aliases; /* String nodes: what the text names its output columns by AS, NULL where it does
                    * not; NIL when that cannot be said by looking at the text */
};

/* Parses and analyses `text`, one SELECT, under the settings in force. Errors carry the cursor
 * position in the client's statement where the text is found in it, in the text otherwise;
 * syntax errors read "query parse error: …", others are PostgreSQL's own. Takes
 * AccessShare on the query's relations. C++ frame. */
ParsedQuery parse_query(const std::string &text);

/* An output column as it is to be. */
struct WantedColumn {
    const char *name;
    Oid type;
    int32 typmod;
    Oid collation;    /* InvalidOid: the query's */
    int location;     /* in the statement that declares it, -1 unknown */
};

/* `parsed` with its output columns cast to the wanted types and given the wanted names; completes the
 * wanted collations. Raises 42P16 or 42804 when it does not fit; statement (may be null) is what the
 * locations count in. PostgreSQL frame. */
Query *fit_columns(const ParsedQuery &parsed, WantedColumn *wanted, int count, const char *statement);

/* The columns that `query` has by itself, types and collations resolved, as ColumnDefs. PostgreSQL
 * frame. */
List *column_definitions(Query *query);

/* While it lives, cursor positions of messages, which count in `text`, become positions in the client's statement. The text
 * outlives it. C++ frames. */
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
