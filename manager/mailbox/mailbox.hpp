/*
 * The mailbox: shared memory between writers, readers and the manager.
 *
 * It answers, in well under a microsecond and without a catalog look-up, whether a stream
 * table has taken in all that its sources have committed, and carries readers' requests to
 * the manager of their database.
 *
 * It never lies: a stream table is called clean only if no change of any source can have
 * become visible that its last refresh did not read. Every doubt (a hash collision, a full
 * table, a restart, COMMIT PREPARED, a transaction between PRE_COMMIT and the end of its
 * commit) makes it dirty more often. `dirty_since` errs only towards older.
 *
 * Every function here is noexcept and never ereports: it may be called from PostgreSQL
 * frames and C++ frames alike. Without shared memory (not preloaded) is_available() is
 * false, nothing is ever clean, and noting a change does nothing.
 */
#pragma once

#include "pg/boundary.hpp"

#include <cstdint>

namespace pgtrickle::mailbox {

/* Of a refresh group of several owners this many are counted; every other job has one owner. */
constexpr int max_owners_counted = 8;

/* To be called by _PG_init; without preloading there are none. */
void define_mailbox_settings();

bool is_available() noexcept;

/* ---- writers -------------------------------------------------------------------------- */

/* This transaction changes `source`: a table, or a stream table that others read. Call it
 * at every change, before or after logging it; the first one of a transaction costs some
 * nanoseconds more than the others. Also for a stream table that is to be reinitialised
 * (its own OID): then it is dirty from this transaction's commit on. Rolling back to a savepoint does not
 * take it back: the source is then dirty without need. */
void note_change(Oid source) noexcept;

/* ---- refreshes ------------------------------------------------------------------------ */

/* What a source's counters were at a moment *before* the snapshot of the refresh. */
struct SourceCounters {
    uint64_t started = 0;
    uint64_t finished = 0;
    uint64_t database_started = 0; /* COMMIT PREPARED in this database */
    uint64_t database_finished = 0;
    TimestampTz observed_at = 0; /* 0: nothing was observed */
};

/* Must be called after the locks and before the snapshot is taken. */
SourceCounters observe(Oid source) noexcept;

struct Reading {
    Oid source;
    bool is_stream_table;
    SourceCounters seen;
};

/* The refresh of `relid` in this transaction has taken in all its direct `readings`, as of
 * the snapshot taken after they were observed, and what this transaction itself noted up to
 * this call. `own` is observe(relid), taken at the same time. Volatility: its query may have another answer
 * a moment later, without a change of a source. In effect when the
 * transaction commits; dropped when it (or the subtransaction) aborts or is prepared.
 * Call it once for each member, after the last write of the group. */
void record_refresh(Oid relid, const SourceCounters &own, const Reading *readings, int count, bool is_time_dependent) noexcept;

/* ---- state of a stream table, a copy of pgt_state for the barrier ----------------------- */

struct State {
    bool is_populated = false;
    bool is_suspended = false;
    bool is_failing = false; /* its last refresh failed */
};

/* In effect when the transaction commits. */
void note_state(Oid relid, const State &state) noexcept;
/* The same, at once, if the mailbox knows nothing of `relid`: for the manager, which
 * reads pgt_state at its start. */
void offer_state(Oid relid, const State &state) noexcept;
/* For the manager. `has_own_schedule`: refreshing a downstream stream table that is due does not refresh `relid`.
 * `waits_for_others`: it is not refreshed when its own schedule says so. At once; until then, and after the mailbox has lost
 * it, that is not so. */
void set_effective_schedule(Oid relid, bool has_own_schedule, bool waits_for_others) noexcept;
/* At commit: the stream table is dropped. */
void forget(Oid relid) noexcept;

/* ---- readers -------------------------------------------------------------------------- */

struct MailboxStatus {
    bool is_known = false; /* false: the mailbox knows nothing, read pgt_state; then it is dirty too */
    bool is_clean = false;
    bool is_state_doubtful = false; /* a prepared transaction was committed since, which may have altered it */
    State state;
    /* Commit time, or older, of the oldest change of a base source that is not in; 0 when
     * clean, DT_NOBEGIN when unknown. */
    TimestampTz dirty_since = DT_NOBEGIN;
    /* The oldest refresh of those that it consists of, itself or upstreams, and that are restless; 0: none is. */
    TimestampTz time_dependent_since = 0;
    /* The same two without what lies below upstreams that have schedules of their own: what a refresh of this one, when it
     * is due, would bring in. */
    TimestampTz own_dirty_since = DT_NOBEGIN;
    TimestampTz own_moving_since = 0;
    bool waits_for_others = false; /* see set_effective_schedule() */

    /* Nothing can be missing. */
    bool is_current() const { return is_clean && time_dependent_since == 0; }
    /* Since when something may be missing; 0 if it is current. */
    TimestampTz stale_since() const { return older(dirty_since, time_dependent_since); }
    TimestampTz own_stale_since() const { return older(own_dirty_since, own_moving_since); }

  private:
    static TimestampTz older(TimestampTz a, TimestampTz b) { return a == 0 ? b : b == 0 ? a : a < b ? a : b; }
};

/* All that the barrier decides by, of a stream table of this database. */
MailboxStatus status_of(Oid relid) noexcept;

bool is_clean(Oid relid) noexcept;
bool is_current(Oid relid) noexcept; /* as Look::is_current() */
TimestampTz dirty_since(Oid relid) noexcept; /* as Look::dirty_since */
/* Microseconds; 0 when clean; INT64_MAX when unknown. */
/* The same, without what lies below any of the stream tables of `resting` (ascending): for a manager that
 * does not refresh those. `own_only`: nor below those that have schedules of their own. Of all that it walks over nothing is kept in
 * mind. */
TimestampTz dirty_since_beside(Oid relid, const Oid *resting, int count, bool own_only = false) noexcept;
int64_t staleness_us(Oid relid, TimestampTz now) noexcept;

/* What this transaction itself has to do with a stream table: nobody else can see it. */
struct OwnEffects {
    bool has_changes = false; /* it changed a source, directly or by way of others, after it last refreshed it */
    bool holds_it = false;    /* it refreshed, created, altered or dropped it: its lock is held */
    bool is_current = false;  /* it refreshed it, and no source has changed since, by anybody */
};
OwnEffects own_effects(Oid relid) noexcept;
/* Whether it holds any stream table's lock: the manager might wait for this transaction. */
bool holds_any() noexcept;

/* ---- requests of readers to the manager of their database -------------------------------- */

constexpr int max_requested = 32; /* stream tables in one request */

enum class Answer {
    none,       /* nothing was asked */
    waiting,    /* the manager has not answered yet; its latch has been set */
    done,       /* each is at least as fresh as the moment of the request */
    failed,     /* the refresh of `culprit` failed; the reason is in its history */
    suspended,  /* `culprit` or an upstream of it is suspended */
    held,       /* `culprit` is not to be refreshed now: paused, gated … */
    locked,     /* another transaction is refreshing `culprit` or holds its lock */
    no_manager, /* this database has none, or it went away; the launcher has been poked */
};

struct Reply {
    Answer answer = Answer::none;
    Oid culprit = InvalidOid;
};

/* Asks the manager of this database to refresh `relids` (at most max_requested); replaces an earlier
 * request of this backend. This backend's latch (MyLatch) is set when the answer is there: wait for it
 * with WaitLatch and look at reply(). A request ends with its transaction. */
Reply request_refresh(const Oid *relids, int count) noexcept;
Reply reply() noexcept;
void withdraw_request() noexcept;
constexpr int max_served_by = 8;
/* Process ids of those that this backend's request waits for: who executes the jobs that serve it, or that
 * have to end first. For the deadlock probe; at most max_served_by, returns how many. */
int serving_pids(int *pids) noexcept;
/* Process id of the manager of a database, 0 when there is none. */
int manager_pid_of(Oid database) noexcept;

/* A stream table was created, altered or dropped by this transaction, or its schedule was: when the
 * transaction commits, the manager of this database looks at the definitions again (the
 * launcher starts one when there is none). */
void note_definition_change() noexcept;
/* The same, and the manager looks too when the transaction is rolled back: something that it had others do is to be undone. */
void note_definition_attempt() noexcept;
/* Whether this transaction has noted one. It is lost when it is prepared. */
bool has_definition_change() noexcept;

} // namespace pgtrickle::mailbox
