/*
 * Types of values that a program keeps beside the result, and that the owner of the stream table may not use.
 *
 * A column of a type is a dependency on it, for which PostgreSQL asks for USAGE: it keeps the type, or the table whose
 * row type it is, from being altered by its owner. A program has such columns that its query does not show.
 */
#pragma once

#include "engine/program.hpp"

#include <optional>

namespace pgtrickle::translate {

/* Returns an objection if a heap of the program would have a column of a type on which the current user, who is the
 * owner of the stream table, has no USAGE. Types that the stream table itself shows do not count: the right to use
 * these was checked when it got the columns. */
std::optional<engine::Objection> objection_to_types(const engine::Program &program);

} // namespace pgtrickle::translate
