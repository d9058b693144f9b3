/*
 * Splits SQL that ruleutils printed into literal text and column slots.
 *
 * A slot is printed as a parameter, `$7` for position 6. Parameters inside of string constants ('…', E'…',
 * B'…', X'…', U&'…') and quoted identifiers are text, and likewise a dollar sign that continues an
 * identifier. Pure C++: no PostgreSQL header.
 */
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pgtrickle::translate {

/* Throws std::invalid_argument for an unterminated string or identifier, for a dollar-quoted string, which
 * ruleutils never prints, and for a parameter that is not between $1 and $99999. */
std::vector<std::variant<std::string, int>> split_slots(std::string_view sql);

} // namespace pgtrickle::translate
