/*
 * Room on the pages of a heap for new versions of its rows.
 *
 * A new version that has room on the page of the old one needs no index entries (HOT), which are more than half of the
 * cost of an update. Where a refresh replaces a large part of the rows, as the row numbers behind many new rows, the
 * pages are filled by half from then on: the versions that it writes are the old ones of the next such refresh, which
 * finds room beside them. Without room, each of these refreshes writes to other pages, and an entry for each row in
 * each index, so the heap would become as large, and the indexes larger. Rows are not moved for this.
 */
#pragma once

#include "pg/versions/postgres.hpp"

namespace pgtrickle::storage {

/* To be called before so many rows of a storage are replaced. Sets the fillfactor of its heaps if they are a large part
 * of its rows, unless a fillfactor has been set, by the option storage_parameters or here. Never waits: a heap that
 * another session analyzes, vacuums or alters is skipped until a later call. Holds ShareUpdateExclusive until the end
 * of the transaction if it has set the fillfactor. PostgreSQL frame. */
void leave_room(Oid storage, int64 replaced_rows);

} // namespace pgtrickle::storage
