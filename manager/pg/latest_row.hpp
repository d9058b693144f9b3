/*
 * A row that is about to be changed or removed, where somebody else may be at it too: the second waits for the first instead
 * of failing, as it would in a system catalog. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "access/htup.h"
#include "utils/relcache.h"
}

namespace pgtrickle {

/* The newest version of the row, locked, in the current memory context. NULL: somebody has removed it. */
HeapTuple lock_latest(Relation table, HeapTuple tuple);

/* Removes the row, whatever its newest version is. False: somebody else has. */
bool remove_latest(Relation table, HeapTuple tuple);

/* The other transaction, by its topmost xid, that has written to the row, or is about to, and has not ended; InvalidTransactionId: none. */
TransactionId writer_of(HeapTuple tuple);

} // namespace pgtrickle
