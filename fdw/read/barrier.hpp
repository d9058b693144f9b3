/*
 * The barrier, which a statement passes before it reads stream tables.
 *
 * After the barrier, each stream table of the statement is as fresh as it has to be (freshness.hpp) or
 * on_stale has been applied, none is unpopulated, and all are read under one snapshot that sees the refresh.
 *
 * The caller has checked that the user may read what the statement reads: messages about a stream table, and waits for
 * it, show its state.
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

#include <vector>

namespace pgtrickle {

struct Passed {
    bool has_refreshed; /* by this transaction itself: the rows are visible from the current command on */
    bool is_fresh;      /* on_stale has not been applied to any stream table */
    bool has_requested; /* a refresh was requested of the manager, and waited for */
};

/* Passes a statement that can still take a new snapshot. */
Passed pass_barrier(const Oid *relids, int count);

/* How a statement would pass with a new snapshot. */
enum class Expected {
    nothing, /* all of its stream tables are fresh enough, and none has to be current */
    request, /* it would wait for a refresh by the manager, and this transaction has changed nothing */
    anything,
};
Expected expected_of(const Oid *relids, int count);

/* Refreshes stream tables that the statement may read by functions. Those that cannot be refreshed are left to
 * the functions' statements, which apply on_stale if they read them. Another transaction may be dropping them: they are
 * locked meanwhile, and those that are not to be had are left, too. */
Passed refresh_ahead(const Oid *relids, int count);

/* Has the manager fill those without rows, before a statement that reads them exactly and takes its snapshot
 * afterwards: it computes what stays without rows as a whole, and so would each later one. */
void fill_ahead(const Oid *relids, int count);

/* Refreshes in this transaction; the history is written when the transaction ends. Returns whether all were
 * refreshed: on_stale has been applied to stream tables that are held and to upstreams that could not be
 * refreshed. */
bool refresh_here(const Oid *relids, int count);
/* Returns whether the stream table reads one of those that have been left out of its refresh, and that lacks a change:
 * it has been computed from rows that its query would not read. C++ frame. */
bool lacks_what_was_left_out(Oid relid, const std::vector<Oid> &left_out);
/* Returns true if this transaction can refresh all of them and everything that they read, so that no other
 * refresh can come between. */
bool can_refresh_all_here(const Oid *relids, int count);

/* Returns the stream tables that a statement must see with the same changes, palloc'ed: the ones that must
 * not be stale at all. It is not sufficient that nothing is pending now: one of them may have been refreshed
 * before the statement's snapshot, and another one, or its upstream, after it. */
Oid *tables_to_align(const Oid *relids, int count, int *found_count);

struct FixedSnapshot {
    Snapshot snapshot;
    TimestampTz taken_at; /* or earlier, but not later: rows that lack a change would pass as younger than they are */
};

/* Returns true if the statement reads a stream table on a standby that exceeds the maximum staleness by its own
 * schedule, but by less than pg_trickle.scan_refresh_timeout: the primary refreshes it about now. No other
 * stream table of the statement is too old. */
bool is_refresh_to_be_replayed(const Oid *relids, int count, const FixedSnapshot &fixed);

/* As pass_barrier(), for a statement whose snapshot is fixed. It refreshes nothing, not even where this transaction has
 * changed a source: another refresh may come first, which the snapshot does not see. What is missing is read exactly.
 */
void pass_barrier_as_of(const Oid *relids, int count, const FixedSnapshot &fixed);

/* Returns true if this process reads as a reader does. The launcher, a manager and the statements of a
 * refresh do not; neither does a parallel worker for its part of the leader's statement, which has passed the
 * barrier. Statements of functions in a parallel worker do, because they have not passed it. */
bool is_reader();

/* How a statement obtained fresh stream tables, for EXPLAIN ANALYZE. */
struct Wait {
    bool has_passed;
    bool has_refreshed; /* in its own transaction */
    bool has_requested;
    bool has_failed; /* the refresh failed or was not in time: on_stale has been applied */
    double ms;
};
/* Starts recording the Wait of the next statement that passes the barrier. To be called just before the
 * statement starts. */
void begin_recording_wait();
Wait recorded_wait();

/* Entries of fdw/module.cpp (executor_hooks.cpp). */
void start_behind_barrier(QueryDesc *query, int flags, const Next &next);
void run_under_own_snapshot(QueryDesc *query, const Next &next);
void finish_under_own_snapshot(QueryDesc *query, const Next &next);

} // namespace pgtrickle
