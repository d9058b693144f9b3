/*
 * The barrier: what a statement passes before it reads stream tables.
 *
 * After it, each stream table of the statement is as fresh as it has to be (freshness.hpp)
 * or on_stale has been applied, none is unpopulated, and all of them are read under one
 * snapshot that sees the refresh.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"
#include "pg/hooks.hpp"
#include "pg/versions/rights.hpp"

extern "C" {
#include "nodes/plannodes.h"
#include "utils/snapshot.h"
}

namespace pgtrickle {

struct Passed {
    bool has_refreshed; /* this transaction did, itself: the rows are visible from the current command on */
    bool is_fresh;      /* on_stale has not been applied to any */
    bool has_asked;     /* the manager was, and has been waited for */
};

/* Lets a statement pass that can still take a new snapshot. `rights` (may be
 * null) are checked before anything is waited for. */
Passed pass_barrier(const Oid *relids, int count, const AskedRights *rights);

/* Refreshes in this transaction; its history is written when the transaction ends. Returns whether all of them were: to those
 * that rest, on_stale has been applied. */
bool refresh_here(const Oid *relids, int count);
/* Whether it can refresh all of them, and all that they read, so that nobody comes between. */
bool can_refresh_all_here(const Oid *relids, int count);

/* Those of its stream tables that a statement is to see with the same changes, palloc'ed: those of which nothing may be stale.
 * That nothing is pending now does not tell that it does: one of them may have been refreshed before its snapshot, and the
 * other one, or what it reads, behind it. */
Oid *tables_to_align(const Oid *relids, int count, int *found_count);

struct FixedSnapshot {
    Snapshot snapshot;
    TimestampTz taken_at; /* or later */
    bool is_inherited;    /* a caller's, who goes on reading under it */
};

/* The same for a statement whose snapshot is fixed. */
bool pass_barrier_as_of(const Oid *relids, int count, const FixedSnapshot &fixed, const AskedRights *rights);

/* The stream tables that a plan reads, each once, palloc'ed; the flat range table has them
 * by either route. Null if there are none. */
Oid *stream_tables_of(PlannedStmt *plan, int *count);

/* Whether this process reads as a reader does: not the launcher, a manager, the statements
 * of a refresh, or a worker of a parallel query, whose leader has passed; but what functions read in such a worker, nobody has
 * passed for. */
bool is_reader();

/* How a statement came to be fresh, for EXPLAIN ANALYZE. */
struct Wait {
    bool has_passed;
    bool has_refreshed; /* in its own transaction */
    bool has_asked;
    bool is_in_vain; /* it was not refreshed, or not in time: on_stale has been applied */
    double ms;
};
/* Of the next statement that passes the barrier: to be called just before it starts. */
void begin_noting_wait();
Wait noted_wait();

/* Entries of fdw/module.cpp (executor_hooks.cpp). */
void start_behind_barrier(QueryDesc *query, int flags, const Next &next);
void run_under_own_snapshot(QueryDesc *query, const Next &next);
void finish_under_own_snapshot(QueryDesc *query, const Next &next);
/* The statements that an error has ended run no more. */
void end_running(XactEvent event);
void end_running_of(SubXactEvent event, SubTransactionId self, SubTransactionId parent);

} // namespace pgtrickle
