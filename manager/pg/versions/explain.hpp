/*
 * EXPLAIN. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "commands/explain.h"
#include "lib/stringinfo.h"
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

/* Continues the group "Query" that explain_plan() has just closed, so that what follows is in one object with the plan.
 * Returns false if the output does not end with that group. Not for the text format, which has no groups. */
inline bool reopen_query_group(ExplainState *es)
{
    StringInfo out = es->str;
    const char *closing = es->format == EXPLAIN_FORMAT_JSON  ? psprintf("\n%*s}", 2 * es->indent, "")
                          : es->format == EXPLAIN_FORMAT_XML ? psprintf("%*s</Query>\n", 2 * es->indent, "")
                                                             : "";
    const int length = static_cast<int>(strlen(closing));
    if (out->len < length || strcmp(out->data + out->len - length, closing) != 0)
        return false;
    out->len -= length;
    out->data[out->len] = '\0';
    es->indent++;
    if (es->format != EXPLAIN_FORMAT_XML)
        es->grouping_stack = lcons_int(1, es->grouping_stack); /* not at its first element */
    return true;
}

} // namespace pgtrickle
