/*
 * Changing or removing a row that another transaction may change at the same time: the second transaction
 * waits for the first instead of failing, as it would in a system catalog. PostgreSQL frames.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "access/htup.h"
#include "utils/relcache.h"
}

namespace pgtrickle {

/* Locks the newest version of the row and returns it, in the current memory context; NULL if another
 * transaction has removed the row. */
HeapTuple lock_latest(Relation table, HeapTuple tuple);

/* Removes the newest version of the row. Returns false if another transaction has removed the row. */
bool remove_latest(Relation table, HeapTuple tuple);

/* Returns the topmost xid of another transaction in progress that has changed or locked the row, or
 * InvalidTransactionId. A row that several transactions have locked counts as not written. */
TransactionId writer_of(HeapTuple tuple);

} // namespace pgtrickle
