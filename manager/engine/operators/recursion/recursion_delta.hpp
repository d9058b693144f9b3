/*
 * The derivative of a recursion R = B + T(R), kept as K: R itself for UNION ALL, one row for each copy; for
 * UNION each row of R with the number of its derivations, its weight in B ⊎ T(R).
 *
 * Deletion by over-deleting and rederiving (delete-and-rederive), where the rows to rederive are known from
 * the counts, so that T is never evaluated backwards:
 *
 *     E = D(B) ⊎ D(T)(R_old)    derivations gained and lost, on new states and the stored R
 *     O = the rows of R_old that lost a derivation, or that T' derives from a row of O
 *     S = R_old − O             none of them lost anything: all derivations as before
 *     A = K_O ⊎ E ⊎ −T'(O)      the rows of B' ⊎ T'(S) beyond S: rows with a count above zero,
 *                               and, for UNION, not in S
 *     N = A + T'(N)             new or back again; for UNION without the rows of S
 *
 *     UNION ALL   D(R) = N − O
 *     UNION       D(K) = E ⊎ T'(N) ⊎ −T'(O),   as K = B ⊎ T(R), and R' = S ⊎ N
 *
 * Proof that S is correct: a row of S has an old derivation tree. If a step of it had been lost, the step's
 * row would be in O and, since the steps above exist in T' or were lost themselves, the tree's row would be
 * in O, too. Conversely, rows that are not derived from S alone enter through A. Derivations must not be
 * cancelled against one another in E when O is seeded: a row that lost its derivation and gained one from a
 * row that only it derives has no other.
 *
 * The recursion terminates if the query does: O is a set within R_old, N is part of the new R. For UNION ALL
 * this is why D(R) is not simply E + T'(D(R)): on a cycle that the new state closes and that is no longer
 * reachable, it would run for ever.
 *
 * Rows are found in the arrangement by its hash (pgt_hash), by the functions of the extension that compute it
 * for any types: pgtrickle.key_hash and pgtrickle.image_hash.
 */
#pragma once

#include "engine/operators/operator.hpp"

namespace pgtrickle::engine {

struct RecursionPlan {
    PlanPtr base, step, leaf; /* linear over scans of sources and earlier arrangements */
    bool is_set = false;
    PlanPtr kept; /* the arrangement's rows before the refresh, kept_rows() */
};

/* Returns the rows of the arrangement that the statement's own step keeps, as they were before the refresh;
 * `columns` have the names that the arrangement has. `count` is the column with the number of derivations,
 * empty where each row is one. The weight of a row is always 1. */
PlanPtr kept_rows(int step, std::vector<Column> columns, std::string count);

/* Returns the rows to apply when exactly `changed` have changed; null: none. For UNION, weighted rows to be
 * counted by key; for UNION ALL, D(R). */
PlanPtr recursion_delta(const RecursionPlan &recursion, const std::vector<DeltaInput> &changed);

} // namespace pgtrickle::engine
