/*
 * SQL that a user is to execute, in a session whose settings are not known.
 */
#pragma once

#include <string>

namespace pgtrickle {

/* Returns SQL that PostgreSQL has printed under standard_conforming_strings, with literals that mean the same without
 * it. In a literal that has no E in front, a backslash would escape the closing quote there, and what follows the
 * literal, which another role may have chosen, would become a statement. */
std::string with_escaped_literals(const std::string &text);

} // namespace pgtrickle
