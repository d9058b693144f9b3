/*
 * Keyed recomputation: how a step is kept whose operator is neither linear nor a grouping,
 * but works on the rows of each key by themselves.
 *
 *     D(op P) = op(P' ⋉ T) − S ⋉ T,    T = the keys of D(P)
 *
 * S are the rows of the step's own arrangement, read before they are changed. It is right
 * for any T that contains every key with a changed row, and for any relation between keys
 * that is at least as coarse as the operator's own, as long as both sides use the same one.
 * Rows that come out as they were cancel when the delta is summed.
 *
 * Without keys there is one partition, which is touched if D(P) has a row.
 */
#pragma once

#include "engine/operators/operator.hpp"

namespace pgtrickle::engine {

/* The distinct keys of the rows of `delta`, whatever their weights. */
PlanPtr touched_keys(PlanPtr delta, const std::vector<int> &keys);

/* The rows of `input` whose columns `keys` are among the rows of `touched`, NULLs equal to
 * each other. Goes below projections, filters and unions, to where an index can be used. */
PlanPtr rows_of_keys(const PlanPtr &input, const std::vector<int> &keys, const PlanPtr &touched);

/* What an index on an arrangement with these columns holds, so that rows_of_keys() is a look-up. */
std::vector<IndexTerm> index_terms(const std::vector<Column> &columns, const std::vector<int> &keys);

/* The rows of a step's own arrangement, hidden columns included, before this refresh. */
PlanPtr stored_rows(int step, std::vector<Column> columns);

} // namespace pgtrickle::engine
