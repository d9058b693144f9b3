/*
 * Reduction of outer joins: a condition above that excludes NULL-extended rows turns a full join into a
 * one-sided one, and a one-sided join into an inner one.
 *
 *     SELECT … FROM a LEFT JOIN b ON a.k = b.k WHERE b.v > 0     a row of a without a match is dropped anyway
 *
 * In a refresh an inner join costs look-ups, an outer join the counting of matches in addition.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/primnodes.h"
}

namespace pgtrickle::translate {

/* Changes the join types in `jointree`, in whose expressions Vars of JOINs are replaced; those of the RTEs
 * stay, as they are not read here. PostgreSQL frame. */
void reduce_outer_joins(FromExpr *jointree);

} // namespace pgtrickle::translate
