/*
 * Which windows follow their delta: the functions whose values are known to depend on rows near them, or on the row
 * before (engine/plan/following.hpp).
 */
#pragma once

#include "translate/level/level.hpp"

namespace pgtrickle::translate {

/* Returns how the values of `functions`, which have the same partition keys, follow from rows near them; nothing if
 * that of one of them does not, or their orders differ, or the order does not begin with a column of `scope` that is
 * compared by operators of PostgreSQL. C++ frame. */
std::optional<engine::Following> following_of(const Query *query, const std::vector<const WindowFunc *> &functions,
                                              const Scope &scope);

} // namespace pgtrickle::translate
