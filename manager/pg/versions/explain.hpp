/*
 * EXPLAIN. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "commands/explain.h"
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif
}

namespace pgtrickle {

inline void explain_plan(PlannedStmt *plan, IntoClause *into, ExplainState *es, const char *text,
                         ParamListInfo parameters, QueryEnvironment *environment, const instr_time *planning,
                         const BufferUsage *buffers)
{
    ExplainOnePlan(plan, into, es, text, parameters, environment, planning, buffers
#if PG_VERSION_NUM >= 170000
                   ,
                   nullptr
#endif
    );
}

} // namespace pgtrickle
