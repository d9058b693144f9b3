/*
 * The part of EXPLAIN's output that describes the stream tables that a statement reads.
 */
#pragma once

#include "fdw/read/barrier.hpp"
#include "pg/hooks.hpp"

namespace pgtrickle {

/* Entry of fdw/module.cpp: ExplainOneQuery, if no other extension has that hook. PostgreSQL frame. */
void explain_statement(Query *query, int options, IntoClause *into, ExplainState *es, const char *text,
                       ParamListInfo parameters, QueryEnvironment *environment);

/* Appends the stream tables to the output. In the formats for programs, they are a list beside the plan, whose group
 * "Query" has just been closed. PostgreSQL frame. */
void explain_stream_tables(List *relids, const Wait &wait, ExplainState *es);

} // namespace pgtrickle
