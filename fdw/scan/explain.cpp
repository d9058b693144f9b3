/*
 * EXPLAIN of a nested scan: the heap that contains the rows, and the plan that reads it.
 */
#include "pg/versions/explain.hpp"
#include "fdw/scan/exact_query.hpp"
#include "fdw/scan/execution.hpp"
#include "fdw/scan/served_relation.hpp"
#include "pg/relation_name.hpp"

extern "C" {
#include "utils/lsyscache.h"
}

namespace pgtrickle {

namespace {

/* Returns the nested plan as text. The plan must have been started, at least for EXPLAIN. */
char *plan_text(QueryDesc *query, const ExplainState *outer)
{
    ExplainState *nested = NewExplainState();
    nested->verbose = outer->verbose;
    nested->costs = outer->costs;
    ExplainPrintPlan(nested, query);
    return nested->str->data;
}

void print_lines(char *text, ExplainState *es)
{
    for (char *line = text; line != nullptr && *line != '\0';) {
        char *end = strchr(line, '\n');
        if (end != nullptr)
            *end = '\0';
        appendStringInfoSpaces(es->str, es->indent * 2);
        appendStringInfo(es->str, "  %s\n", line);
        line = end != nullptr ? end + 1 : nullptr;
    }
}

} // namespace

void scan_explain(ForeignScanState *node, ExplainState *es)
{
    const ServedRelation *served = find_served_relation(RelationGetRelid(node->ss.ss_currentRelation));
    PlannedStmt *exact = exact_plan(node);
    if (*exact_way(node) != '\0')
        ExplainPropertyText("Exact Read", exact_way(node), es);
    else
        ExplainPropertyText("Storage", quoted_relation_name(served->storage), es);
    QueryDesc *query = nested_query(node);
    char *text = nullptr; /* not fetched from */
    if (exact != nullptr)
        text = explain_exact_query(served->relid, exact, node->ss.ps.state->es_snapshot, known_parameters(node), es);
    else if (query != nullptr)
        text = plan_text(query, es);
    if (text == nullptr)
        return;
    if (es->format == EXPLAIN_FORMAT_TEXT) {
        appendStringInfoSpaces(es->str, es->indent * 2);
        appendStringInfoString(es->str, "Nested Plan:\n");
        print_lines(text, es);
    } else
        ExplainPropertyText("Nested Plan", text, es);
}

} // namespace pgtrickle
