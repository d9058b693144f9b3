/*
 * Keyed recomputation: maintenance of a step whose operator is neither linear nor a grouping, but processes
 * the rows of each key separately.
 *
 *     D(op P) = op(P' ⋉ T) − S ⋉ T,    T = the keys of D(P)
 *
 * S are the rows of the step's own arrangement, read before they are changed. The equation holds for any T
 * that contains every key with a changed row, and for any equivalence of keys that is at least as coarse as
 * the operator's own, as long as both sides use the same one. Rows that are unchanged by the recomputation
 * cancel when the delta is summed.
 *
 * Without keys there is one partition, which is touched if D(P) has a row.
 */
#pragma once

#include "engine/operators/operator.hpp"

namespace pgtrickle::engine {

/* Returns the distinct keys of the rows of `delta`, whatever their weights. */
PlanPtr touched_keys(PlanPtr delta, const std::vector<int> &keys);

/* Returns the rows of `input` whose columns `keys` are among the rows of `touched`, where NULLs are equal to
 * each other. The selection is moved below projections, filters and unions, to where an index is usable. */
PlanPtr rows_of_keys(const PlanPtr &input, const std::vector<int> &keys, const PlanPtr &touched);

/* The first rows of each key in an order, as many as `count`, and those that tie with the last of them; `lookup` is the
 * index that returns them. */
struct LeadingRows {
    std::vector<Following::Term> order;
    int64_t count;
    Lookup lookup;
};

/* Returns rows_of_keys(); where there is the index, of each key without NULLs only the leading rows, which are then
 * read from its end of the index. */
PlanPtr leading_rows_of_keys(const PlanPtr &input, const std::vector<int> &keys, const PlanPtr &touched,
                             const LeadingRows &leading);

/* Returns the terms of an index on an arrangement with these columns by which rows_of_keys() is a look-up. */
std::vector<IndexTerm> index_terms(const std::vector<Column> &columns, const std::vector<int> &keys);

/* Returns `key` if an arrangement with these columns can have a btree on it, otherwise nothing. */
std::vector<int> indexable(const std::vector<int> &key, const std::vector<Column> &columns);

/* Returns the rows of a step's own arrangement, including hidden columns, before this refresh. */
PlanPtr stored_rows(int step, std::vector<Column> columns);

} // namespace pgtrickle::engine
