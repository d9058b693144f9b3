/*
 * The row of a relation in pg_class, and relations of the extension's own.
 *
 * VACUUM and CREATE INDEX update such a row in place, under a lock of the row, as GRANT and ALTER take it. A writer
 * without that lock would undo their update. PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
#include "storage/lmgr.h"
#include "utils/rel.h"
#include "utils/snapshot.h"
#include "utils/syscache.h"
}

namespace pgtrickle {

/* Returns the owner, from the system cache. If there is no such relation, returns InvalidOid if missing_ok, and raises
 * an error otherwise. */
Oid owner_of_relation(Oid relation, bool missing_ok = false);

/* Returns the row of the relation that the snapshot sees, in the current memory context; null if there is none. */
HeapTuple relation_row_seen(Oid relation, Snapshot snapshot);
/* Returns the file of the relation by its row; InvalidOid for null. */
Oid file_of(HeapTuple row);

/* Writes the row that `change` makes of a copy of the relation's row: it gets pg_class and the copy, which it may
 * change and return. Ends with CommandCounterIncrement(). */
template <class Change> void change_relation_row(Oid relation, Change change)
{
    Relation classes = table_open(RelationRelationId, RowExclusiveLock);
    HeapTuple row = SearchSysCacheLockedCopy1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(row))
        elog(ERROR, "cache lookup failed for relation %u", relation);
    ItemPointerData locked = row->t_self;
    CatalogTupleUpdate(classes, &locked, change(classes, row));
    UnlockTuple(classes, &locked, InplaceUpdateTupleLock);
    table_close(classes, RowExclusiveLock);
    CommandCounterIncrement();
}

/* Locks the rows of these relations in pg_class as an update in place does, if it would wait for no other transaction:
 * such an update waits for the end of a transaction that has written or locked the row, as GRANT and ALTER INDEX do
 * without a lock of the relation. Returns the locked rows, for unlock_rows(), or NIL if one of them is taken. An error
 * leaves the locks to the end of the transaction. */
List *lock_rows_at_once(const List *relations);
void unlock_rows(List *rows);

/* A relation that the extension makes: a heap, a log, an internal view. */
struct InternalRelation {
    const char *name;
    Oid schema;
    Oid owner;
    TupleDesc columns;
    char kind = RELKIND_RELATION;
    Oid access_method = HEAP_TABLE_AM_OID; /* InvalidOid for a kind without rows of its own */
    Oid tablespace = InvalidOid;
    Datum options = 0;
};

/* Creates the relation. It becomes no member of an extension: a script of another extension may change what a stream
 * table reads, and DROP EXTENSION would drop the stream table's rows then, or DROP of the stream table the extension.
 * Ends with CommandCounterIncrement(). */
Oid create_internal_relation(const InternalRelation &made);

/* Returns whether row-level security is enabled for the relation; false if there is none. */
bool has_row_security(Oid relid);

/* Hides the rows of a new heap, and the statistics of the heap and of its indexes, from all roles but the owner and
 * superusers, also from those that have SELECT on all tables: row-level security without a policy. */
void hide_rows(Oid heap);

} // namespace pgtrickle
