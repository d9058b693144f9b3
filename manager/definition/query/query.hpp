/*
 * Turns the text of a defining query into the analysed query. Its output becomes that of the declared columns
 * afterwards (output_columns.hpp).
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
