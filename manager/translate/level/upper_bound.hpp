/*
 * Conditions as `n <= 3` over row numbers, of which the engine reads the first rows only.
 */
#pragma once

#include "translate/level/level.hpp"

namespace pgtrickle::translate {

/* Returns the bound that a comparison of a column of type int8 with a constant sets; nothing for another condition. */
std::optional<engine::UpperBound> upper_bound_of(Node *conjunct, const Scope &scope);

} // namespace pgtrickle::translate
