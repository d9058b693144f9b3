/*
 * Window functions of a query level: each becomes a column over what the level's FROM and
 * grouping give.
 *
 *   grouping ─► project (only if a partition key is an expression) ─► window ─► window …
 *
 * One window node a set of partition keys, so that each follows the partitions touched by
 * itself. The finer partitions come first: their changes are small inputs of the coarser ones.
 * All are C++ frames.
 */
#pragma once

#include "translate/level/level.hpp"

namespace pgtrickle::translate {

/* What the windows of `outputs` partition and order by: the level reads it, too. */
std::vector<Node *> window_keys(const Query *query, const std::vector<Node *> &outputs);

/* `input` with a column for each window function in `outputs`. `outer` are expressions of the scope that stand
 * for the rows the level is evaluated for, if it is evaluated for several at once: every window
 * partitions by them as well. */
Input windowed(const Query *query, const std::vector<Node *> &outputs, Input input,
               const std::vector<Node *> &outer = {});

} // namespace pgtrickle::translate
