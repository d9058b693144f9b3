/*
 * CTEs of a detached subquery that read a domain.
 *
 * Their rows differ between outer rows, so references cannot share them. Each reference is replaced by the
 * CTE's query, and the query with the reference then reads the domain, at any depth. For a recursive CTE this
 * is done only with the references from deeper levels: those of the query that has it share one recursion.
 *
 * PostgreSQL frame.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::translate {

/* Modifies `tree`, which must be a copy. */
void inline_correlated_ctes(Query *tree);

} // namespace pgtrickle::translate
