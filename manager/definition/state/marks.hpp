/*
 * Marks: rows of pgtrickle.pgt_mark, which say that something used by a stream table was redefined.
 *
 * A session that redefines a function used by a stream table of another owner may leave its transaction open
 * for hours. So a mark is a row of its own, inserted under no lock, and no refresh waits for it. A refresh
 * sees the marks that are committed when it begins, and marks of its own transaction; it removes these, and
 * no other, when it has started from nothing. A mark that is committed while the refresh runs remains for the
 * next one.
 *
 * Each mark counts as one generation of the definition as long as it exists; the transaction that removes it
 * adds one to the row of pgt_state. Marks are removed under the lock of refreshes or under AccessExclusive on
 * the foreign table. A mark that is committed after a DROP remains until the OID is used again. PostgreSQL
 * frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "utils/snapshot.h"
}

namespace pgtrickle::state {

struct MarkId {
    uint64 xid;
    int32 number;
};

struct Marks {
    int count;
    MarkId *ids;
    char *reason;     /* of the first mark with one; NULL: no mark requires a start from nothing */
    bool needs_setup; /* a mark requires a new setup */
};

/* Returns the marks of a stream table, in the current memory context; under the latest snapshot if `snapshot`
 * is null. */
Marks marks_of(Oid relid, Snapshot snapshot);

/* Waits until the invalidations of all transactions whose marks are visible have arrived here: a mark becomes visible
 * before they are sent, and whatever was compiled before would pass for what the mark asks for. */
void await_invalidations_of_marks(Oid relid);

/* Returns the stream table of each mark (List of OIDs); one that has several marks appears as often. */
List *all_marked(Snapshot snapshot);

/* Makes the next refresh that begins start from nothing. */
void mark_needs_reinit(Oid relid, const char *reason);
/* As mark_needs_reinit(); the refresh also sets the stream table up again (setup::rebuild_storage()), because its query
 * may have other sources now, or need other heaps. */
void mark_needs_setup(Oid relid, const char *reason);
/* Invalidates the programs that were compiled for the present definition. */
void bump_generation(Oid relid);

/* Removes these marks. Returns the number of marks that existed. */
int remove_marks(Oid relid, const MarkId *marks, int count);
/* Removes all visible marks of the stream table. */
void remove_marks(Oid relid);

} // namespace pgtrickle::state
