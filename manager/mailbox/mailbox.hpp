/*
 * The mailbox: shared memory between writers, readers and the manager.
 *
 * It answers, in well under a microsecond and without a catalog look-up, whether a stream table has applied
 * all changes that its sources have committed, and it carries readers' requests to the manager of their
 * database.
 *
 * Invariant: a stream table is called clean only if no change of any source can have become visible that its
 * last refresh did not read. Every doubt (a hash collision, a full table, a restart, COMMIT PREPARED, a
 * transaction between PRE_COMMIT and the end of its commit) makes it dirty more often. `dirty_since` errs
 * only towards earlier times.
 *
 * Every function here is noexcept and never ereports: it may be called from PostgreSQL frames and C++ frames
 * alike. Without shared memory (the library is not preloaded) is_available() is false, no stream table is
 * ever clean, and note_change() has no effect.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "catalog/pg_authid.h"
}

#include <cstdint>

namespace pgtrickle::mailbox {

/* The types of the extension's background workers, as pg_stat_activity shows them. */
namespace process_type {
constexpr const char *prefix = "pg_trickle ";
constexpr const char *launcher = "pg_trickle launcher";
constexpr const char *manager = "pg_trickle manager";
constexpr const char *refresh_worker = "pg_trickle refresh worker";
constexpr const char *installer = "pg_trickle installer";
} // namespace process_type

/* Called by _PG_init. The settings exist only if the library is preloaded. */
void define_mailbox_settings();

bool is_available() noexcept;

/* Whether databases wait for a manager because max_worker_processes leaves no room for one in each. */
bool do_managers_take_turns() noexcept;

/* ---- writers -------------------------------------------------------------------------- */

/* Notes that this transaction changes `source`: a table, or a stream table that has dependents. Called at
 * every change, before or after the change is logged; the first call of a transaction costs some nanoseconds
 * more than the others. Also called with the OID of a stream table that is to be reinitialized, which is then
 * dirty from this transaction's commit on. A rollback to a savepoint does not undo the note: the dependents
 * of the source are then dirty without need. */
void note_change(Oid source) noexcept;
/* The source that changes with the memberships and exemptions of roles, for which policies are in force; the only one
 * that all databases share. */
constexpr Oid roles = AuthIdRelationId;

/* ---- refreshes ------------------------------------------------------------------------ */

/* Counters of a source at a moment *before* the snapshot of the refresh was taken. */
struct SourceCounters {
    uint64_t started = 0;
    uint64_t finished = 0;
    uint64_t database_started = 0; /* counts COMMIT PREPARED in this database */
    uint64_t database_finished = 0;
    TimestampTz observed_at = 0; /* 0: nothing was observed */
};

/* Reads the counters of `source`. Must be called after the locks and before the snapshot are taken. */
SourceCounters observe(Oid source) noexcept;

struct Reading {
    Oid source;
    bool is_stream_table;
    SourceCounters seen;
};

struct Nature {
    bool is_time_dependent; /* the result of the query may differ a moment later without a change of a source */
    bool is_immediate;      /* see changed_immediates() */
};

/* Records that the refresh of `relid` in this transaction has applied the changes of all its direct
 * `readings`, as of the snapshot taken after they were observed, and the changes that this transaction itself
 * noted up to this call. `own` is observe(relid), called at the same time. Takes effect when the transaction
 * commits; discarded when the transaction (or the subtransaction) aborts, or when the transaction is
 * prepared. Called once for each member, after the last write of the group. */
void record_refresh(Oid relid, const SourceCounters &own, const Reading *readings, int count, Nature nature) noexcept;

/* Records that `relid` gets the rows of `successor`, which this transaction has refreshed: they have applied the same
 * changes. Until it is refreshed itself, it is dirty from this transaction's commit on, or earlier. Takes effect as
 * record_refresh() does. */
void record_take_over(Oid relid, Oid successor) noexcept;

/* ---- state of a stream table, a copy of pgt_state for the barrier ----------------------- */

struct State {
    bool is_populated = false;
    bool is_suspended = false;
    bool is_failing = false;   /* its last refresh failed, and nothing is known to have changed that since */
    uint64_t grants = 0;       /* with is_failing: grants() before the refresh began; 0: it does not matter */
    bool has_computed = false; /* with is_failing: its rows could be computed, as far as is known, but not stored */
};

/* Records the state of `relid`. Takes effect when the transaction commits. */
void note_state(Oid relid, const State &state) noexcept;
/* Records that privileges are granted: no first fill in the database is known to fail any more, and readers request
 * them again. Takes effect as note_state() does. */
void note_grant() noexcept;
/* The number of transactions that have granted privileges, plus 1. */
uint64_t grants() noexcept;
/* Records the state of `relid` at once, if the mailbox has no state of it. For the manager, which reads
 * pgt_state when it starts. */
void offer_state(Oid relid, const State &state) noexcept;
/* For the manager. `has_own_schedule`: refreshing a dependent that is due does not refresh `relid`.
 * `waits_for_others`: `relid` is not refreshed at the times of its own schedule, because its atomic set waits
 * for its slowest member. Takes effect at once. Both
 * are false until the first call, and after the mailbox has lost the entry of `relid` or had no room for one. */
void set_effective_schedule(Oid relid, bool has_own_schedule, bool waits_for_others) noexcept;
/* Records that the stream table is dropped. Takes effect when the transaction commits. */
void forget(Oid relid) noexcept;

/* ---- readers -------------------------------------------------------------------------- */

/* Returns the older one of two times, of which 0 is none. */
constexpr TimestampTz older(TimestampTz a, TimestampTz b)
{
    return a == 0 ? b : b == 0 ? a : a < b ? a : b;
}

struct MailboxStatus {
    bool is_known = false; /* false: no state is known, read pgt_state; it is then dirty too */
    bool is_clean = false;
    bool is_state_doubtful = false; /* a prepared transaction committed since may have changed it */
    State state;
    /* Commit time, or earlier, of the oldest base change that has not been applied; 0 when clean, DT_NOBEGIN
     * when unknown. */
    TimestampTz dirty_since = DT_NOBEGIN;
    /* Time of the oldest refresh among the time-dependent stream tables out of itself and its upstreams; 0:
     * none of them is time-dependent. */
    TimestampTz time_dependent_since = 0;
    /* As dirty_since and time_dependent_since, without what is upstream of upstreams that have schedules of
     * their own: covers what a refresh of this stream table, when it is due, would apply. */
    TimestampTz scheduled_dirty_since = DT_NOBEGIN;
    TimestampTz scheduled_time_dependent_since = 0;
    bool is_schedule_known = false; /* set_effective_schedule() has been called, and is in effect */
    bool waits_for_others = false;  /* see set_effective_schedule() */

    bool is_without_rows() const { return is_known && !state.is_populated; }
    /* True if no change can be missing. */
    bool is_current() const { return is_clean && time_dependent_since == 0; }
    /* Since when a change may be missing; 0 if the stream table is current. */
    TimestampTz stale_since() const { return older(dirty_since, time_dependent_since); }
    TimestampTz scheduled_stale_since() const { return older(scheduled_dirty_since, scheduled_time_dependent_since); }
};

/* Everything that the barrier's decision about a stream table of this database depends on. */
MailboxStatus status_of(Oid relid) noexcept;

bool is_clean(Oid relid) noexcept;
bool is_current(Oid relid) noexcept;         /* as MailboxStatus::is_current() */
TimestampTz dirty_since(Oid relid) noexcept; /* as MailboxStatus::dirty_since */
/* Like dirty_since(), but ignores changes that the given stream tables (ascending) have not applied yet.
 * For a manager that does not refresh those. `own_only`: also ignores changes that upstreams with schedules
 * of their own have not applied. The result is not cached in the entries that the walk visits. */
TimestampTz dirty_since_ignoring(Oid relid, const Oid *ignored, int count, bool own_only = false) noexcept;
/* Microseconds since when a change may be missing; 0 when current; INT64_MAX when unknown. */
int64_t staleness_us(Oid relid, TimestampTz now) noexcept;

/* Effects of this transaction on a stream table, which are not visible to other processes. */
struct OwnEffects {
    bool has_changes = false; /* it changed a source, at any depth, after it last refreshed it */
    bool holds_it = false;    /* it refreshed, created, altered or dropped it, and holds its lock */
    bool is_current = false;  /* it refreshed it, and no transaction has changed a source since */
};
OwnEffects own_effects(Oid relid) noexcept;
/* Returns true unless it is known that roles have not changed, by this transaction either, since the last refresh of
 * `relid`, or that its rows do not depend on them. */
bool may_lack_roles(Oid relid) noexcept;
/* Whether this transaction holds the lock of any stream table, so that the manager might wait for it. */
bool holds_any() noexcept;

constexpr int most_immediates = 1024; /* of all databases */

/* Stores those stream tables of mode IMMEDIATE of which this transaction has changed a source, at any depth, after it
 * last refreshed them, in ascending order, and returns their number. Only those that have been refreshed since the
 * server was started, and since they were left to the manager, and as many as there is room for: nothing depends on
 * others being among them. */
int changed_immediates(Oid (&found)[most_immediates]) noexcept;
/* Lets commits pass the stream table over until it is refreshed again. Takes effect at once. */
void leave_to_manager(Oid relid) noexcept;

/* ---- requests of readers to the manager of their database -------------------------------- */

constexpr int max_requested = 32; /* stream tables in one request */

enum class Answer {
    none,       /* no request was made */
    waiting,    /* the manager has not answered yet; its latch has been set */
    done,       /* each stream table is at least as fresh as at the moment of the request */
    failed,     /* the refresh of `culprit` failed; the reason is in its history */
    suspended,  /* `culprit` or an upstream of it is suspended */
    held,       /* `culprit` is not refreshed now: paused, gated … */
    locked,     /* another transaction is refreshing `culprit` or holds its lock */
    no_manager, /* this database has no manager, or its manager has exited; the launcher has been woken */
};

struct Reply {
    Answer answer = Answer::none;
    Oid culprit = InvalidOid;
};

/* Requests that the manager of this database refresh `relids` (at most max_requested); replaces an earlier
 * request of this backend. The manager sets this backend's latch (MyLatch) when it has answered: the caller
 * waits with WaitLatch and looks at reply(). A request ends with its transaction. */
Reply request_refresh(const Oid *relids, int count) noexcept;
Reply reply() noexcept;
void withdraw_request() noexcept;
constexpr int max_served_by = 8;
/* Stores the process ids of the workers that this backend's request waits for: those that run the jobs that
 * serve it, and those whose jobs must end before. For the deadlock probe. Stores at most max_served_by and
 * returns their number. */
int serving_pids(int *pids) noexcept;
/* Process id of the manager of a database; 0 if there is none. */
int manager_pid_of(Oid database) noexcept;

/* Notes that this transaction created, altered or dropped a stream table, or changed its schedule: when the
 * transaction commits, the manager of this database reads the definitions again. The launcher starts a
 * manager if there is none. */
void note_definition_change() noexcept;
/* Like note_definition_change(), but the manager also reads the definitions when the transaction is rolled
 * back: work that other processes did for the transaction must be undone. */
void note_definition_attempt() noexcept;
/* Whether this transaction has noted a definition change. The note is lost when the transaction is
 * prepared. */
bool has_definition_change() noexcept;

} // namespace pgtrickle::mailbox
