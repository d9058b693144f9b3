/*
 * The last known place of a row in this process, which saves looking it up in an index.
 *
 * An index has an entry for each version of a row that some snapshot may still see, or for a chain of them:
 * while an old snapshot is open, an index finds a row that was updated a thousand times behind a thousand
 * dead versions. Fetching by the known place avoids that.
 *
 * The place is only a hint: the caller checks that the row found is the one it looks for, and otherwise uses
 * the index. A snapshot must see at most one version of such a row. The fetched version is visible to the
 * snapshot, so it is that version, whatever happened to the place meanwhile: the row may have moved, been
 * removed, or never have been committed, and another row may occupy the place. Dead versions on its page are removed,
 * as by a scan.
 *
 * PostgreSQL frames. Takes 40 kB in each process that notes a row.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "executor/tuptable.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"
}

namespace pgtrickle {

/* Notes the place of a row. `key` identifies the row for the caller; a row with another key may replace
 * it. */
void note_row(Relation heap, uint64 key, ItemPointer tid);

/* Whether `snapshot` sees a row at the place noted for `key`; `slot` then contains the row. */
bool fetch_known_row(Relation heap, uint64 key, Snapshot snapshot, TupleTableSlot *slot);

/* Returns a copy of the row at the place noted for `key`, if its column, of type oid or regclass, is the key; or NULL.
 */
HeapTuple copy_known_row(Relation heap, AttrNumber column, Oid key, Snapshot snapshot);

/* Whether this process has noted a row: one that has not need not take the memory for a row that it may not need
 * again. */
bool has_known_rows();

} // namespace pgtrickle
