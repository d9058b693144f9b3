/*
 * The change log of a source: writing rows to it, and reading the changes that are new to a frontier.
 *
 * A log row is a *chunk*: (xid, seq, n, version, is_indexed, data, overflow). `data` contains n minimal tuples of the
 * columns that the source's format `version` names, each with its weight, +1 or -1, in the top bit of its
 * length. seq numbers the chunks of a transaction across all logs. A row that is too large for a chunk is
 * stored alone in `overflow`. n = 0 is a marker: `data` is the reason.
 *
 * All functions are PostgreSQL frames: nothing here has a destructor. They allocate in the memory context
 * that is current at the call.
 */
#pragma once

#include "capture/source/source_rows.hpp"
#include "definition/state/frontier.hpp"
#include "pg/boundary.hpp"

extern "C" {
#include "executor/tuptable.h"
#include "utils/tuplestore.h"
}

namespace pgtrickle::capture {

/* Writes rows to a source's current segment. Rows are buffered up to a chunk, and are in the log once
 * finish_log() has returned; without finish_log() rows are lost. */
struct LogWriter;

/* Returns nullptr if `source` is not captured, or has no dependents. Takes RowExclusive on `source` to the
 * end of the transaction, so a transaction that begins to capture it waits for this one. Therefore it must be
 * called before the first write to a stream table's storage, even if the stream table has no dependents. */
LogWriter *open_log(Oid source);

/* `slot` has a row of `source` (or of storage, which begins with the source's columns). `weight` is not 0; a
 * weight of n counts as n rows. */
void append_to_log(LogWriter *writer, TupleTableSlot *slot, int64 weight);
/* Appends a row given by arrays, which are indexed by the source's attribute numbers minus one. */
void append_to_log(LogWriter *writer, const Datum *values, const bool *nulls, int64 weight);
/* Writes the buffered rows, closes the log and frees the writer. The lock on the log is kept. */
void finish_log(LogWriter *writer);

/* Returns the descriptor of the relation that read_changes() fills: the given columns of the source, under
 * their names and types, then pgt_weight bigint. */
TupleDesc changes_descriptor(Oid source, const AttrNumber *columns, int column_count);

struct Changes {
    int64 rows = 0;               /* rows put into the tuplestore */
    int64 unneeded = 0;           /* rows left out: of children, or because they do not meet the condition */
    int64 logged = 0;             /* rows of the chunks that were read, whether put or not */
    bool is_cut = false;          /* there may be more rows: see Portion */
    bool has_marker = false;      /* or a chunk lacks a column: start from nothing */
    const char *reason = nullptr; /* text of the first marker; in the current memory context */
};

/* The part of the changes that is read. Under one snapshot their order is fixed, so that reading can continue
 * where it was cut. */
struct Portion {
    int64 after = 0; /* skips this many logged rows: Changes::logged of the first part */
    int64 most = 0;  /* stops when more logged rows than this were read; 0: never */
};

/* Appends to `out` every change of `source` that `snapshot` sees and `frontier` does not include: `columns`
 * in the order given, then the weight (1 or -1). With is_only, rows of the source's children are excluded;
 * `columns` then includes tableoid, by which they are recognized. `needed` is a condition over the columns, whose
 * Vars have their positions, as the planner leaves it to the executor (a list of conjuncts; NIL: none); rows that do
 * not meet it are left out. Stops at a marker, as which count a missing sentinel and the end of the capture; the rows
 * in `out` are then of no use. Raises 40001 if the log was emptied without regard to the snapshot, which is registered;
 * a refresh has called lock_logs(source) before it took it. Costs an index probe per segment and the blocks with new
 * rows (new_rows.hpp). */
Changes read_changes(Oid source, const Frontier &frontier, Snapshot snapshot, const AttrNumber *columns,
                     int column_count, bool is_only, List *needed, Portion portion, Tuplestorestate *out);

/* Returns the number of logged rows that read_changes() would read, which is an upper bound of the rows it
 * would put; -1 if it would meet a marker. Costs a hundredth of reading them if chunks are full. */
int64 count_changes(Oid source, const Frontier &frontier, Snapshot snapshot);

/* Whether the log has any change or marker that `snapshot` sees and `frontier` does not include; stops at the
 * first. Also true if the source is not captured now, or the snapshot sees no sentinel; false for a compared source. */
bool has_changes(Oid source, const Frontier &frontier, Snapshot snapshot);
/* As has_changes(), for the frontier of a snapshot. A missing sentinel does not count: such a frontier is newer than
 * the crash. */
bool has_changes_since(Oid source, const Frontier &seen, Snapshot snapshot);
/* Whether the log has a marker that `snapshot` sees and `frontier` does not include, which is that of a snapshot. */
bool has_marker(Oid source, const Frontier &frontier, Snapshot snapshot);
/* As has_marker(), but for markers with which the log begins (marker.hpp). */
bool has_marker_of_rows(Oid source, const Frontier &frontier, Snapshot snapshot);
/* Whether a segment of the log was emptied that the snapshot may need, for what it sees or for what was logged after
 * it: without regard to it, or on the primary of this standby, which knows nothing of its snapshots. read_changes() and
 * has_changes() ask for the snapshot under which they read. A caller that reads what this snapshot does not see, under
 * a newer one, asks after that, or while the log is locked. */
bool is_trimmed_since(Oid source, Snapshot snapshot);
/* Raises 40001 if is_trimmed_since(). */
void require_untrimmed(Oid source, Snapshot snapshot);
/* has_changes() for one segment of the log, which must exist. */
bool has_changes_in(const SourceRow *source, int number, const Frontier &frontier, Snapshot snapshot);

} // namespace pgtrickle::capture
