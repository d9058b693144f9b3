/*
 * Capture: every committed change of a source is written to the source's change log, once.
 *
 * A source is a table, with its partitions or inheritance children if it has some, or a stream table that has
 * dependents. For tables, statement triggers write the log (trigger.cpp), and row triggers where statement
 * triggers do not see everything (row_trigger.hpp); the log of a stream table is written by its refreshes
 * (open_log(), log/log.hpp). A change that a log cannot express row by row (TRUNCATE, a partition that is
 * attached or detached, disabled triggers …) is written as a *marker*: a stream table that reads a marker
 * starts from nothing.
 *
 * The log of a source is three heaps, its segments, in the schema pg_trickle_log. A refresh holds
 * AccessShare on all segments of the logs that it reads from before its snapshot to its end, any other reader while it
 * reads (ReadLocks); the trimmer empties a segment only under AccessExclusive.
 *
 * All functions here are PostgreSQL frames unless they say otherwise: they may raise errors, own nothing with
 * a destructor, and are called by C++ frames through call().
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "utils/snapshot.h"
}

namespace pgtrickle::capture {

/* Makes sure that from now on every change of `columns` (ascending attribute numbers; may be empty) of
 * `source` is logged: creates logs and triggers, repairs them, or adds the columns. Takes ShareRowExclusive
 * on the source (and its partitions), so it waits for writers (lock_timeout applies), and AccessShare on the
 * log, both to the end of the transaction. A fill under a snapshot taken after this call misses nothing.
 * Raises 0A000 if the source cannot be captured, 55006 if a statement on it is in progress. */
void ensure_captured(Oid source, const AttrNumber *columns, int column_count);
/* ensure_captured() for a stream table that this transaction does not see. */
void ensure_captured_for_others(Oid source, const AttrNumber *columns, int column_count);

/* Whether committed catalogs say that changes of these columns are logged: a fill under a snapshot taken
 * after this call misses nothing either. Takes AccessShare on the source. */
bool is_captured_with(Oid source, const AttrNumber *columns, int column_count);

/* Whether `snapshot` sees the changes of these columns being logged, which it may not even if the catalogs said so
 * before the snapshot was taken: the end of capture waits for no refresh, nor does DISABLE TRIGGER. To be asked by a
 * refresh that starts from nothing: its frontier passes the marker of that end. */
bool is_captured_under(Oid source, const AttrNumber *columns, int column_count, Snapshot snapshot);

/* Ends the logging of the changes of `source` at once, even if stream tables read the log; used when the
 * owner of one of its relations stops capture. Waits for transactions that begin to capture the source
 * (lock_timeout applies), but for no refresh and no writer: a refresh checks is_logged() after it has taken
 * its snapshot, and trim() removes the log when it is no longer used. Returns false if the changes are not
 * logged. */
bool stop(Oid source);

/* To be called when `source` may have lost its last dependent (pgt_dependency no longer names it). Its
 * triggers become inert at once, or by a later trim() if other transactions are adding or dropping
 * dependents; trim() then removes them with the log. Does nothing while dependents remain. */
void release(Oid source);

/* Returns why changes of the source may have been lost: its log was not written, a capture trigger of the
 * source (or of its partitions and children) is missing or does not fire always, or a crash has emptied it.
 * ensure_captured() repairs this, and writes a marker for all stream tables that read the source. Returns
 * nullptr if nothing was lost. Costs some syscache look-ups, and a lock for each relation around the source. */
const char *damage_of(Oid source);

} // namespace pgtrickle::capture
