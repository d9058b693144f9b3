/*
 * CTEs of a detached subquery that read a domain.
 *
 * Their rows differ from outer row to outer row, so that no two references could share them. Each reference becomes
 * the subquery itself; whatever reads it then reads the domain, at whatever depth. Of a recursive one this is done
 * with the references from further in only: those beside it share one recursion.
 *
 * A PostgreSQL frame.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle::translate {

/* Changes `tree`, which must be a copy. */
void inline_correlated_ctes(Query *tree);

} // namespace pgtrickle::translate
