/*
 * The layout of a statement that people are to read.
 *
 * Statements of a program are printed on one line: an explain wraps them, so that a terminal shows
 * them. Only white space outside of quotes changes, so the statement stays the same.
 */
#pragma once

#include <string>

namespace pgtrickle {

/* `sql` with a new line before each clause and in long lists, indented by the subqueries around it. */
std::string laid_out(const std::string &sql);

} // namespace pgtrickle
