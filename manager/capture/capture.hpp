/*
 * Capture: every committed change of a source ends up in the source's change log, once.
 *
 * A source is a table, with its partitions or inheritance children if it has some, or a stream
 * table that others read. For tables, statement triggers write the log (trigger.cpp), row triggers where
 * those do not see everything (row_trigger.hpp); for a stream table its refresh
 * does (LogWriter, log.hpp). What a log cannot say row by row (TRUNCATE, a partition that
 * comes or goes, disabled triggers …) is a *marker*: whoever reads one starts from nothing.
 *
 * The log of a source is three heaps, its segments, in the schema pg_trickle_log. Whoever
 * reads a log holds AccessShare on all its segments from before its snapshot to the end of
 * its transaction (lock_logs); the trimmer empties a segment only under AccessExclusive.
 *
 * All functions here are PostgreSQL frames unless they say otherwise: they may ereport,
 * own nothing with a destructor, and are called by C++ frames through call().
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::capture {

/* Installs the hooks and callbacks of this part; called once, by _PG_init. */
void register_capture();

/* Whether nothing tells the changes of the source, a foreign table: whoever reads it keeps a copy, and compares.
 * Then there is no log, and nothing here finds a change. */
bool is_compared(Oid source);

/* Why `source` cannot be captured, as the end of a sentence ("it is a foreign table"), in
 * the current memory context; nullptr if it can. */
const char *refusal(Oid source);

/* ShareRowExclusive on these sources, their partitions and children, to the end of the transaction: what
 * ensure_captured() needs of each, so that it does not wait for one while it holds another. */
void lock_sources(const List *sources);

/* Makes sure that from now on every change of `columns` (ascending attribute numbers; may be
 * empty) of `source` is logged: creates logs and triggers, repairs them, or widens the
 * columns. Takes ShareRowExclusive on the source (and its partitions), so it waits out
 * writers (lock_timeout applies), and AccessShare on the log, both to the end of the
 * transaction. A fill whose snapshot is taken after this call misses nothing. Raises 0A000
 * if the source cannot be captured, 55006 if a statement on it is under way. */
void ensure_captured(Oid source, const AttrNumber *columns, int column_count);
/* The same, for a stream table that this transaction does not see. */
void ensure_captured_for_others(Oid source, const AttrNumber *columns, int column_count);

/* Whether that is so, as far as is committed: a fill whose snapshot is taken after this call misses nothing either. Takes AccessShare on the source. */
bool is_captured_with(Oid source, const AttrNumber *columns, int column_count);

/* Ends the logging of the changes of `source` at once, even if stream tables read the log: the owner of a relation that is captured for it asks for
 * that. Waits for transactions that begin to capture it (lock_timeout applies), for no refresh and no writer: a refresh looks after it has
 * taken its snapshot (is_logged()), and trim() removes the log when it is no longer used. False: it is not logged. */
bool stop(Oid source);

/* To be called when `source` may have lost its last reader (pgt_dependency no longer
 * names it). Its triggers become inert at once, or by a later trim() if others are adding or dropping readers;
 * trim() then removes them with the log. Does nothing while readers remain. */
void release(Oid source);

/* Why changes of the source may have been lost: its log was not written, a capture trigger of it (or of its partitions and
 * children) is missing or does not fire always, or a crash has emptied it. ensure_captured() puts that right,
 * and leaves a marker for all stream tables that read the source. nullptr: all is well. Costs some syscache look-ups. */
const char *damage_of(Oid source);

/* Whether the changes of `source`, which is not compared, are logged now. */
bool is_logged(Oid source);

/* Whether a subscription writes to `relid`: its worker fires row triggers only. */
bool is_subscribed(Oid relid);

/* AccessShare on the segments of the log, to the end of the transaction. */
void lock_logs(Oid source);

/* No relation that has rows comes to `source` as a partition or child before release_tree(), or the end of the transaction. After the locks
 * on relations: whoever attaches one has locked that, and waits here. What is attached after release_tree() is told by a marker that
 * the snapshot of the refresh does not see. */
void keep_tree(Oid source);
void release_tree(Oid source);

/* Whether a statement that changes `source` is under way in this transaction: its log is
 * not complete, and the source is in an intermediate state. A few nanoseconds. */
bool statement_is_open(Oid source);
/* Raises 55006 if so. */
void require_no_open_statement(Oid source);

/* The number of the last chunk this transaction wrote to any log; 0: none. For
 * Frontier::of_snapshot. */
int32_t own_seq();

/* Writes a marker to the logs of `relation` and of everything above it that is captured.
 * Does nothing if none is. `reason` completes "…, because". */
void mark(Oid relation, const char *reason);

/* The same, but not to the log of `relation` itself. */
void mark_above(Oid relation, const char *reason);

/* The same for the logs of everything above and below it: of all that may have missed a
 * change made through `relation`. */
void mark_around(Oid relation, const char *reason);

/* Gives the log a format that fits, after a column of `source` has changed its type; marks it. */
void refit(Oid source);

/* Bytes of the log, its indexes and overflow included; 0 when there is none. What somebody else is dropping or emptying is not
 * waited for, and left out. */
int64 log_size(Oid source);

/* Empties the segments nobody needs any more and moves writers on; removes what is left of a
 * source that was released. Never waits for a lock. If the log is over `size_limit` bytes
 * (0: none), readers that hold it back are marked needs_reinit, and their hold is dropped.
 * To be run in a transaction of its own. A C++ frame. */
enum class Trimmed {
    done,      /* there is nothing to do before the log has grown */
    held_back, /* somebody needs what is there, or holds a lock */
    again,     /* something was moved, emptied or removed, or could soon be */
};
Trimmed trim(Oid source, int64 size_limit);

/* Removes the triggers and the log of every source of this database, whoever reads it. Takes AccessExclusive on all. */
void remove_all();

/* OIDs of everything that is captured in this database (palloc'ed List). */
List *captured_sources();

} // namespace pgtrickle::capture
