/*
 * Errors that a delta may raise although its query does not.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::refresh {

/* Whether the error was raised by what the query computes from the values that it read: by an expression, a
 * domain, a subquery with too many rows, or a function in any language, also with a SQLSTATE of its own. A text that is
 * not a valid tsquery raises a syntax error, as an invalid statement does, but without a position in a statement. */
bool is_about_values(const ErrorData &error);

} // namespace pgtrickle::refresh
