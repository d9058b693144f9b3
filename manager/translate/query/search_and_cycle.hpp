/*
 * SEARCH and CYCLE of recursive CTEs.
 *
 * PostgreSQL has rewritten them to columns of anonymous rows and arrays of such rows, which no table can
 * store. This file replaces these columns by arrays that can be stored:
 *
 *   DEPTH FIRST BY a     the values of `a` along the path, an array of their type: arrays compare as rows of them do
 *   BREADTH FIRST BY a   the depth, then the values
 *   CYCLE a, b USING p   the images of the rows (a, b) along the path, which are equal where these rows are
 *
 * The query may use the sequence column only to sort by it; it may read the cycle mark, but not the path.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::translate {

/* Modifies the rewritten query. Refuses a clause for which there is no array type. C++ frame. */
void spell_search_and_cycle(Query *query);

} // namespace pgtrickle::translate
