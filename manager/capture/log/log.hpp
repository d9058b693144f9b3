/*
 * The change log of a source: writing rows to it, and reading what is new to a frontier.
 *
 * A log row is a *chunk*: (xid, seq, n, version, data, overflow). `data` holds n minimal
 * tuples of the columns that the source's format `version` names, each with its weight, +1
 * or -1, in the top bit of its length. seq numbers the chunks of a transaction across all
 * logs. A row too big for a chunk lies alone in `overflow`. n = 0 is a marker: `data` is the reason.
 *
 * PostgreSQL frames throughout: nothing here has a destructor. Everything allocated lives in the
 * memory context current at the call.
 */
#pragma once

#include "capture/source/frontier.hpp"
#include "pg/boundary.hpp"

extern "C" {
#include "executor/tuptable.h"
#include "utils/tuplestore.h"
}

namespace pgtrickle::capture {

/* Writes rows to a source's current segment. Buffers up to a chunk: appended rows are in the log once
 * finish_log() has returned; forgetting finish_log() loses rows. */
struct LogWriter;

/* nullptr when `source` is not captured, or has no dependents. Takes RowExclusive on `source` to the end of the
 * transaction, so a transaction that begins to capture it waits for this one. Therefore call it before the first
 * write to a stream table's storage, whether it has dependents or not. */
LogWriter *open_log(Oid source);

/* `slot` holds a row of `source` (or of storage whose first columns are the source's);
 * weight is not 0; a weight of n counts as n rows. */
void append_to_log(LogWriter *writer, TupleTableSlot *slot, int64 weight);
/* As above, from values[attnum - 1], indexed by the source's attribute numbers. */
void append_to_log(LogWriter *writer, const Datum *values, const bool *nulls, int64 weight);
/* Writes what is buffered and closes the log, whose lock is kept. Frees the writer. */
void finish_log(LogWriter *writer);

/* The relation that read_changes() fills: the given columns of the source, under their names
 * and types, then pgt_weight bigint. */
TupleDesc changes_descriptor(Oid source, const AttrNumber *columns, int column_count);

struct Changes {
    int64 rows = 0;             /* put into the tuplestore */
    int64 logged = 0;           /* rows of the chunks that were looked into, whether put or not */
    bool is_cut = false;        /* there may be more: see Portion */
    bool has_marker = false;    /* or a chunk that lacks a column: reinitialise */
    const char *reason = nullptr; /* of the first marker; in the current memory context */
};

/* Which of the changes are read. Under one snapshot they come in one order, so that what was cut can be gone on with. */
struct Portion {
    int64 after = 0; /* that many logged rows: Changes::logged of the first part */
    int64 most = 0;  /* stops where more logged rows were taken; 0: never */
};

/* Appends to `out` every change of `source` that `snapshot` sees and `frontier` does not
 * include: `columns` in the order given, then the weight (1 or -1). With is_only, rows that lie in a
 * child of it are left out; tableoid, by which they are known, is among the columns then. Stops at a
 * marker; what `out` holds then is of no use. The caller holds lock_logs(source) since before the
 * snapshot. Cost: two index probes a segment and one more per transaction that was running
 * when the frontier was taken. Raises if the source is not captured. */
Changes read_changes(Oid source, const Frontier &frontier, Snapshot snapshot,
                     const AttrNumber *columns, int column_count, bool is_only, Portion portion, Tuplestorestate *out);

/* How many logged rows read_changes() would look into, an upper bound of what it would put; -1: it would meet a marker. Costs a
 * hundredth of reading them, if chunks are full. */
int64 count_changes(Oid source, const Frontier &frontier, Snapshot snapshot);

/* Whether there is any such change or marker; stops at the first. */
bool has_changes(Oid source, const Frontier &frontier, Snapshot snapshot);
/* Whether there is such a marker. */
bool has_marker(Oid source, const Frontier &frontier, Snapshot snapshot);
/* The same, of one segment of its log. */
bool has_changes_in(Oid source, Oid segment, const Frontier &frontier, Snapshot snapshot);

} // namespace pgtrickle::capture
