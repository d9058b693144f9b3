/*
 * Marks: rows of pgtrickle.pgt_mark, which say that something a stream table is made from has changed.
 *
 * Who redefines a function that another owner's stream table uses may leave the transaction open for hours. So a mark is a
 * row of its own, inserted under no lock: no refresh waits for it. A refresh sees the marks that are committed when it begins, and
 * those of its own transaction; it removes these, and no other, when it has started over. One that is committed while
 * the refresh runs stays for the next.
 *
 * Each mark counts as one generation of the definition, as long as it is there; who removes it adds one to the row of pgt_state.
 * Marks are removed under the lock of refreshes or under AccessExclusive on the foreign table. One that commits after a DROP stays
 * until its OID is used again. PostgreSQL frames.
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
    char *reason; /* of the first that has one; NULL: none says that the stream table must start over */
};

/* In the current memory context; as of now without a snapshot. */
Marks marks_of(Oid relid, Snapshot snapshot);

/* The stream table of each mark (List of OIDs), one that has several as often. */
List *all_marked(Snapshot snapshot);

/* The next refresh to begin starts from nothing. */
void mark_needs_reinit(Oid relid, const char *reason);
/* Programs made for the definition as it was are void. */
void bump_generation(Oid relid);

/* Returns how many were there. */
int remove_marks(Oid relid, const MarkId *marks, int count);
/* All that can be seen. */
void remove_marks(Oid relid);

} // namespace pgtrickle::state
