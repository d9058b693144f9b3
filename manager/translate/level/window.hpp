/*
 * Window functions of a query level: each becomes a column over the rows of the level's FROM and grouping.
 *
 *   grouping ─► project (only if a partition key is an expression) ─► window ─► window …
 *
 * There is one window node for each set of partition keys, so that each node recomputes only the partitions
 * that were changed. Nodes with finer partitions come first: their changes are small inputs of the nodes with
 * coarser ones. All functions are C++ frames.
 */
#pragma once

#include "translate/level/level.hpp"

namespace pgtrickle::translate {

/* Returns the window of a function of the query. */
const WindowClause *clause_of(const Query *query, const WindowFunc *function);

/* Returns the expressions by which the windows of `outputs` partition and order, which the level must
 * read. */
std::vector<Node *> window_keys(const Query *query, const std::vector<Node *> &outputs);

/* Returns `input` with a column for each window function in `outputs`. If the level is evaluated for several
 * outer rows at once, `outer` are the expressions of the scope that identify them: every window partitions by
 * them as well. */
Input windowed(const Query *query, const std::vector<Node *> &outputs, Input input,
               const std::vector<Node *> &outer = {});

} // namespace pgtrickle::translate
