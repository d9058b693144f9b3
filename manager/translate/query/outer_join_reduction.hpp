/*
 * Outer joins that are none: a condition above that no NULL-extended row passes makes a full join
 * one-sided and a one-sided join inner.
 *
 *     SELECT … FROM a LEFT JOIN b ON a.k = b.k WHERE b.v > 0     a row of a without a match is dropped anyway
 *
 * An inner join costs a refresh look-ups, an outer one the counting of matches besides.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/primnodes.h"
}

namespace pgtrickle::translate {

/* Changes the join types in `jointree`, whose expressions see through the columns of JOINs; the RTEs
 * keep theirs, which nothing here reads. PostgreSQL frame. */
void reduce_outer_joins(FromExpr *jointree);

} // namespace pgtrickle::translate
