/*
 * The part of EXPLAIN's output that describes the stream tables that a statement reads.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle {

/* Entry of fdw/module.cpp: ExplainOneQuery, if no other extension has that hook. PostgreSQL frame. */
void explain_statement(Query *query, int options, IntoClause *into, ExplainState *es, const char *text,
                       ParamListInfo parameters, QueryEnvironment *environment);

} // namespace pgtrickle
