/*
 * Aggregates of distinct values without GROUP BY.
 *
 *   rows              + part 0 ─┐
 *   distinct x of rows + part 1 ─┼─ UNION ALL ─► count(*) of part 0, count(x) of part 1, sum(y) of part 2
 *   distinct y of rows + part 2 ─┘
 *
 * The one group has all rows. To recompute it would read all of them at each refresh; the distinct values are kept
 * instead, each with the number of its rows. Part 0 is left out if no aggregate reads it. With GROUP BY the groups that
 * a change touches are recomputed: for groups of up to some hundred rows that is as fast, and needs no storage.
 */
#pragma once

#include "translate/level/level.hpp"

namespace pgtrickle::translate {

struct DistinctValues {
    engine::PlanPtr plan;        /* the union */
    std::vector<KeptCall> calls; /* one for each aggregate, over its columns */
};

/* Returns nothing if no aggregate has DISTINCT, or one of them has no states that follow the delta. */
std::optional<DistinctValues> with_distinct_values(const Input &from, const std::vector<Node *> &aggregates);

} // namespace pgtrickle::translate
