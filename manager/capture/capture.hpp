/*
 * Capture: every committed change of a source ends up in the source's change log, once.
 *
 * A source is a table, with its partitions or inheritance children if it has some, or a stream
 * table that others read. For tables, statement triggers write the log (trigger.cpp), row triggers where
 * those do not see everything (row_trigger.hpp); for a stream table its refresh
 * does (open_log(), log/log.hpp). What a log cannot say row by row (TRUNCATE, a partition that
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

void release_tree(Oid source);

} // namespace pgtrickle::capture
