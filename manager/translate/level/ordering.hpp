/*
 * ORDER BY: printing of sort clauses, and queries that return the first rows of an order.
 *
 *   LIMIT n OFFSET m           row_number() > m AND row_number() <= m + n
 *   … FETCH FIRST n WITH TIES  row_number() > m AND rank() <= m + n
 *                              (n and m may be computed: columns beside the numbers)
 *   DISTINCT ON (k)            row_number() over k = 1
 *
 * The rows come from a reserve (engine/operators/keyed/reserve.hpp), unless it would be large, or the query
 * is evaluated for several outer rows at once. As in PostgreSQL, the choice among ties is undefined. All
 * functions are C++ frames.
 */
#pragma once

#include "engine/operators/keyed/reserve.hpp"
#include "translate/level/level.hpp"

namespace pgtrickle::translate {

using engine::SortKey;

/* Returns the text of `clause` that follows an expression of type `type`. */
std::string direction_of(const SortGroupClause *clause, Oid type);

/* Whether the clause compares values as their type does. ORDER BY … USING may name an operator of another operator
 * class; GROUP BY, DISTINCT and PARTITION BY of the same expression then compare by that class, too. And the type may
 * have got another default operator class since the query was defined. */
bool has_equality_of_type(const SortGroupClause *clause, Oid type);
bool has_equality_of_type(const SortGroupClause *clause, const Node *sorted);

/* Whether the query has a LIMIT or OFFSET that may exclude rows; LIMIT NULL and OFFSET NULL do not. */
bool has_limit(const Query *query);

/* Returns the first rows of each partition, as many as the LIMIT of the level's query allows, with all
 * columns of `plan`. `partition` are the columns of the domain, if the query is evaluated for several outer
 * rows at once. */
engine::PlanPtr limited(Translator &translator, const Level &level, engine::PlanPtr plan,
                        const std::vector<SortKey> &order, const std::vector<int> &partition);

/* Returns the first row for each value of the columns `keys`. */
engine::PlanPtr first_of_each(engine::PlanPtr plan, const std::vector<int> &keys, const std::vector<SortKey> &order);

} // namespace pgtrickle::translate
