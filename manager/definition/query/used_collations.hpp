/*
 * The collations by which a query compares, orders and converts its values. What it computes, and how its rows are
 * found again, depends on their versions (definition/state/collation_versions.hpp).
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::definition {

/* Returns the collations (List of OIDs, ascending, in the current memory context) that operators, functions and
 * aggregates of a rewritten query are called with, or that order or group rows of one of its levels. What functions do
 * by themselves is not known. PostgreSQL frame. */
List *used_collations(const Query *rewritten);

} // namespace pgtrickle::definition
