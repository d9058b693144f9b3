/*
 * SEARCH and CYCLE of recursive CTEs.
 *
 * PostgreSQL has rewritten them already, to columns of rows without a name and of arrays of such, which no table can
 * hold. Here they become columns of arrays that can be held:
 *
 *   DEPTH FIRST BY a     the values of `a` on the way, an array of their type: arrays compare as rows of them do
 *   BREADTH FIRST BY a   the depth, then the values
 *   CYCLE a, b USING p   the images of the rows (a, b) on the way, which are equal where these rows are
 *
 * The sequence may be sorted by, and that is all; of a cycle the mark may be read, the path may not.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::translate {

/* Changes the rewritten query. A C++ frame: refuses what it has no arrays for. */
void spell_search_and_cycle(Query *query);

} // namespace pgtrickle::translate
