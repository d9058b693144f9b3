/*
 * Where this process knows a row to have been last, so that it need not be looked for in an index.
 *
 * An index holds an entry for each version of a row that some snapshot may still see, or the row a chain of them: while an old
 * snapshot is open, a row that is updated a thousand times is found behind a thousand dead versions. Here it is found at once.
 *
 * A hint, and no more: the caller checks that what stands there is the row it looks for, and goes by the index otherwise. It must
 * be one of which a snapshot sees one version at most. What is fetched is visible to the snapshot, so it is that version, whatever became of
 * the place meanwhile: the row may have moved on, been removed, or never have been committed, and the place be another's.
 * PostgreSQL frames. 40 kB a process, once it is used.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "executor/tuptable.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"
}

namespace pgtrickle {

/* `key` is what the caller finds its rows by; rows of other keys may take their place. */
void note_row(Relation heap, uint64 key, ItemPointer tid);

/* Whether a row that `snapshot` sees is where the one of `key` was noted; it is in `slot` then. */
bool fetch_known_row(Relation heap, uint64 key, Snapshot snapshot, TupleTableSlot *slot);

} // namespace pgtrickle
