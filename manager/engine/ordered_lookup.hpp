/*
 * The first rows of a partition, as an index returns them.
 *
 * The partition keys and the first other column of the order are traced through filters, projections and joins to the
 * relation whose column is the latter. In a join the keys may be columns that equal those of that relation, or further
 * columns of a row that the keys determine. The other inputs have one row at most for each of its rows, or one for a
 * partition, so that the rows of the relation are those of the join, or more.
 */
#pragma once

#include "engine/operators/operator.hpp"

namespace pgtrickle::engine {

/* Returns the look-up of the first rows of `plan` with given values of the columns `keys`; nothing if there is none. */
std::optional<Lookup> ordered_lookup(const PlanPtr &plan, const std::vector<int> &keys,
                                     const std::vector<Following::Term> &order);

} // namespace pgtrickle::engine
