/*
 * Printing expressions. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/plannodes.h"
#include "nodes/primnodes.h"
#include "utils/ruleutils.h"
}

namespace pgtrickle {

/* Prints a window function as if its window were empty, whichever window it has: `f(x) OVER ()`. */
inline char *window_function_text(WindowFunc *function)
{
#if PG_VERSION_NUM < 180000
    /* PostgreSQL prints "(?)" for a window that it cannot find. */
    const char *window = "(?)";
    char *text = deparse_expression(reinterpret_cast<::Node *>(function), NIL, false, true);
#else
    const char *window = "w";
    PlannedStmt *statement = makeNode(PlannedStmt);
    WindowAgg *plan = makeNode(WindowAgg);
    plan->winref = function->winref;
    plan->winname = pstrdup(window);
    List *context = set_deparse_context_plan(deparse_context_for_plan_tree(statement, NIL), &plan->plan, NIL);
    char *text = deparse_expression(reinterpret_cast<::Node *>(function), context, false, true);
#endif
    return psprintf("%.*s()", static_cast<int>(strlen(text) - strlen(window)), text);
}

} // namespace pgtrickle
