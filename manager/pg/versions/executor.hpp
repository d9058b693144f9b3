/*
 * Running plans. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/guc.h"
}

#include <cstdlib>

namespace pgtrickle {

/* Runs to its end a plan that has been started and is run once only. */
inline void run_to_end(QueryDesc *query)
{
#if PG_VERSION_NUM < 180000
    ExecutorRun(query, ForwardScanDirection, 0, true);
#else
    ExecutorRun(query, ForwardScanDirection, 0);
#endif
}

#if PG_VERSION_NUM < 160000
inline void keep_all_partitions(Plan *plan)
{
    if (plan == nullptr)
        return;
    check_stack_depth();
    List *children = NIL;
    if (IsA(plan, Append)) {
        children = reinterpret_cast<Append *>(plan)->appendplans;
        reinterpret_cast<Append *>(plan)->part_prune_info = nullptr;
    } else if (IsA(plan, MergeAppend)) {
        children = reinterpret_cast<MergeAppend *>(plan)->mergeplans;
        reinterpret_cast<MergeAppend *>(plan)->part_prune_info = nullptr;
    } else if (IsA(plan, SubqueryScan))
        keep_all_partitions(reinterpret_cast<SubqueryScan *>(plan)->subplan);
    keep_all_partitions(plan->lefttree);
    keep_all_partitions(plan->righttree);
    ListCell *cell;
    foreach (cell, children)
        keep_all_partitions(static_cast<Plan *>(lfirst(cell)));
}
#endif

/* Starts a plan that is explained and not run. Partitions are pruned at the start by the parameters of the query; if
 * they have no values (`has_values`), all partitions are shown. */
inline void start_for_explain(QueryDesc *query, bool has_values)
{
    int flags = EXEC_FLAG_EXPLAIN_ONLY | EXEC_FLAG_SKIP_TRIGGERS;
    if (!has_values) {
#if PG_VERSION_NUM < 160000
        query->plannedstmt = static_cast<PlannedStmt *>(copyObjectImpl(query->plannedstmt));
        keep_all_partitions(query->plannedstmt->planTree);
        ListCell *cell;
        foreach (cell, query->plannedstmt->subplans)
            keep_all_partitions(static_cast<Plan *>(lfirst(cell)));
#else
        flags |= EXEC_FLAG_EXPLAIN_GENERIC;
#endif
    }
    standard_ExecutorStart(query, flags);
}

/* Whether the server that runs is a minor release before these ones of 15, 16, 17 and 18. */
inline bool is_minor_before(int of_15, int of_16, int of_17, int of_18)
{
    const int version = atoi(GetConfigOption("server_version_num", false, false)), minor = version % 10000;
    switch (version / 10000) {
    case 15: return minor < of_15;
    case 16: return minor < of_16;
    case 17: return minor < of_17;
    case 18: return minor < of_18;
    default: return false;
    }
}

/* Whether the server collects the rows of a MERGE apart from those that the statement changes in the same table by
 * other commands or by actions of foreign keys, and fires the statement triggers of the table for one of these
 * collections only. Decided by the server that runs, which may be a later minor release than that compiled for. */
inline bool collects_merge_apart()
{
    return is_minor_before(16, 12, 8, 2);
}

/* Whether the server shows statement triggers, as a row that a MERGE updates or moves in a partitioned table, the one
 * that the MERGE has inserted before. Seen in 15.18 and 18.6, and not in 15.20; decided likewise. */
inline bool repeats_inserted_rows_of_merge()
{
    return is_minor_before(20, 16, 12, 7);
}

} // namespace pgtrickle
