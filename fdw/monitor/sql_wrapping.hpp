/*
 * The layout of a statement for human readers.
 *
 * Statements of a program are printed on one line. EXPLAIN functions wrap them to fit a terminal. Only white
 * space outside of quotes changes, so the statement stays the same.
 */
#pragma once

#include <string>

namespace pgtrickle {

/* Returns `sql` with a line break before each clause and in long lists, indented by the depth of
 * subqueries. */
std::string laid_out(const std::string &sql);

} // namespace pgtrickle
