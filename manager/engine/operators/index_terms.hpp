/*
 * The terms of indexes by which rows of a plan are found.
 *
 * An expression is traced through projections to the one relation whose columns it reads, where an index on it is
 * usable, provided that it is immutable and cannot fail: an index evaluates it for every row of the relation, the query
 * only for the rows that its joins and filters return.
 */
#pragma once

#include "engine/operators/operator.hpp"
#include "engine/plan/relation_names.hpp"

namespace pgtrickle::engine {

/* A term of an index on a relation that a plan scans. */
struct LeafTerm {
    const PlanNode *leaf;
    DeltaInput relation;
    IndexTerm term;
};

/* Returns the term of an expression over these columns of a relation. */
IndexTerm term_of(const Expression &expression, const std::vector<Column> &columns);

/* Adds the terms for the rows of `plan` with a given value of `expression`, one for each relation of a UNION ALL;
 * none if the expression has no term. */
void add_index_terms(const PlanPtr &plan, const Expression &expression, std::vector<LeafTerm> &found);

/* Whether the rows of `plan` with given values of the expressions are found by indexes. */
bool are_found_by_index(const PlanPtr &plan, const std::vector<Expression> &expressions, const RelationNames &names);
/* Returns how many rows of `plan` have the same values of the expressions on average; infinity if statistics do not
 * say. */
double rows_of_value(const PlanPtr &plan, const std::vector<Expression> &expressions, const RelationNames &names);

} // namespace pgtrickle::engine
