/*
 * EXPLAIN of a statement that reads stream tables, by either route: after the plan, it shows for each stream
 * table its storage, its staleness, the age of pending changes, and the frontier.
 */
#include "fdw/read/explain_statement.hpp"

#include "definition/state/state.hpp"
#include "definition/visibility.hpp"
#include "fdw/read/barrier.hpp"
#include "fdw/read/freshness.hpp"
#include "fdw/read/snapshot_state.hpp"
#include "fdw/scan/execution.hpp"
#include "fdw/scan/served_relation.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/relation_name.hpp"
#include "pg/versions/explain.hpp"
#include "refresh/batch/holds.hpp"

extern "C" {
#include "tcop/tcopprot.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
}

namespace pgtrickle {

namespace {

/* Returns the earliest time at which the oldest change that may not have been applied was committed; 0 if
 * none is pending. */
TimestampTz pending_since(Oid relid, const state::VisibleRow &seen)
{
    mailbox::MailboxStatus known = mailbox::status_of(relid);
    if (known.dirty_since != DT_NOBEGIN)
        return known.dirty_since;
    return seen.is_populated && has_pending_changes(relid, GetActiveSnapshot()) ? seen.data_timestamp : 0;
}

/* Returns the reason why the stream table is held, itself or through an upstream; null if it is not. */
const char *hold_of(Oid relid)
{
    return enter([=]() -> const char * {
        refresh::HoldExplanation hold = refresh::explain_hold(relid);
        return hold.sentence.empty() ? nullptr : call([&] { return pstrdup(hold.sentence.c_str()); });
    });
}

/* For EXPLAIN ANALYZE: shows how the statement refreshed stream tables before it read. */
void explain_wait(const Wait &wait, ExplainState *es)
{
    if (!es->analyze || !wait.has_passed)
        return;
    ExplainPropertyText("Refreshed Before Reading",
                        wait.has_refreshed    ? "in this transaction"
                        : !wait.has_requested ? "no"
                        : wait.has_failed     ? "no, despite waiting for it"
                                              : "by the manager",
                        es);
    if (es->timing && (wait.has_refreshed || wait.has_requested))
        ExplainPropertyFloat(wait.has_failed ? "Wait Time" : "Refresh Time", "ms", wait.ms, 3, es);
}

/* These differ from one call to the next, as costs do. */
void explain_age(const state::VisibleRow &seen, TimestampTz since, ExplainState *es)
{
    const bool is_known = since != DT_NOBEGIN;
    const double age_s =
        since != 0 && is_known ? static_cast<double>(GetCurrentTimestamp() - since) / USECS_PER_SEC : 0;
    if (seen.is_populated && is_known)
        ExplainPropertyFloat("Age", "s", age_s < 0 ? 0 : age_s, 3, es);
    ExplainPropertyText("Pending Changes",
                        since == 0 ? "none"
                        : is_known ? psprintf("since %s", timestamptz_to_str(since))
                                   : "unknown",
                        es);
    if (seen.frontier != nullptr)
        ExplainPropertyText("Frontier", seen.frontier, es);
}

void explain_state(Oid relid, ExplainState *es)
{
    state::VisibleRow seen = state::visible_row(relid);
    TimestampTz since = pending_since(relid, seen);
    if (seen.exists && seen.status != state::Status::active)
        ExplainPropertyText("Status", state::name_of(seen.status), es);
    if (const char *hold = hold_of(relid))
        ExplainPropertyText("Held", hold, es);
    if (!seen.is_populated)
        ExplainPropertyBool("Populated", false, es);
    if (es->costs)
        explain_age(seen, since, es);
}

/* A role that reads the stream table through a view need not be permitted to see its state. */
void explain_stream_table(Oid relid, const Wait &wait, ExplainState *es)
{
    const ServedRelation *served = find_served_relation(relid);
    const bool is_text = es->format == EXPLAIN_FORMAT_TEXT;
    ExplainOpenGroup("Stream Table", nullptr, true, es);
    ExplainPropertyText(is_text ? "Stream Table" : "Name", quoted_relation_name(relid), es);
    es->indent += is_text;
    if (OidIsValid(served->storage))
        ExplainPropertyText("Storage", quoted_relation_name(served->storage), es);
    if (may_see(relid))
        explain_state(relid, es);
    explain_wait(wait, es);
    es->indent -= is_text;
    ExplainCloseGroup("Stream Table", nullptr, true, es);
}

} // namespace

void explain_stream_tables(List *relids, const Wait &wait, ExplainState *es)
{
    if (relids == NIL)
        return;
    const bool is_beside_plan = es->format != EXPLAIN_FORMAT_TEXT && reopen_query_group(es);
    ExplainOpenGroup("Stream Tables", "Stream Tables", false, es);
    ListCell *cell;
    foreach (cell, relids)
        explain_stream_table(lfirst_oid(cell), wait, es);
    ExplainCloseGroup("Stream Tables", "Stream Tables", false, es);
    if (is_beside_plan)
        ExplainCloseGroup("Query", nullptr, true, es);
}

/* Does what PostgreSQL does without a hook, and then explains the stream tables. */
void explain_statement(Query *query, int options, IntoClause *into, ExplainState *es, const char *text,
                       ParamListInfo parameters, QueryEnvironment *environment)
{
    if (previous_hooks().explain != nullptr) {
        previous_hooks().explain(query, options, into, es, text, parameters, environment);
        return;
    }
    BufferUsage buffers = pgBufferUsage;
    instr_time started;
    instr_time duration;
    INSTR_TIME_SET_CURRENT(started);
    PlannedStmt *plan = pg_plan_query(query, text, options, parameters);
    INSTR_TIME_SET_CURRENT(duration);
    INSTR_TIME_SUBTRACT(duration, started);
    BufferUsage used = {};
    BufferUsageAccumDiff(&used, &pgBufferUsage, &buffers);
    begin_recording_wait();
    explain_plan(plan, into, es, text, parameters, environment, &duration, es->buffers ? &used : nullptr);
    Wait wait = recorded_wait();
    int count;
    Oid *relids = stream_tables_of(plan, &count);
    List *list = NIL;
    for (int i = 0; i < count; i++)
        list = lappend_oid(list, relids[i]);
    explain_stream_tables(list, wait, es);
}

} // namespace pgtrickle
