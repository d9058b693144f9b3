/*
 * Knows which values of a query level show in which order the level's rows were read: lists, row numbers and frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"
}

namespace pgtrickle::definition {

/* Whether the aggregate is a list that neither its call nor DISTINCT sorts. Those of a user may be. PostgreSQL
 * frame. */
bool is_unsorted_list(const Aggref *aggregate);

/* Whether a window without an order shows that of its rows. PostgreSQL frame. */
bool has_window_that_shows_order(const Query *query);

/* Returns the windows without an order that show that of their rows. One that also has functions whose peers an order
 * would take away keeps these, and a copy of it is returned with the others. Windows that are defined by other ones
 * become independent of them. PostgreSQL frame. */
List *split_windows_that_show_order(Query *query);

/* Whether a function of the window reads its frame. PostgreSQL frame. */
bool reads_frame(const Query *query, const WindowClause *window);

} // namespace pgtrickle::definition
