/*
 * The first fill of stream tables by keys that their sources got after they were created (refresh/batch/new_keys.hpp),
 * for a statement that fills them, or is about to lock them: its lock would keep the manager from using the keys.
 */
#pragma once

#include "pg/versions/postgres.hpp"

namespace pgtrickle {

/* Has those without rows filled by the manager, and waits for that as a reader waits. Fills those that the session may
 * fill if there is no manager, or if its refresh waits for a lock of this transaction. What this transaction has
 * created, the manager does not see: it only gets the keys. One that this transaction has locked is filled without
 * them. Any may be left without rows, as one that is held or whose fill fails. PostgreSQL frame. */
void have_filled(const Oid *relids, int count);

/* Has the keys used by the fill that this transaction is about to begin, of the stream table and of those that it
 * reads: only of those whose rows the user may store, and whose queries may be compiled here. Keeps
 * AccessExclusive on those that get one. Does nothing under a fixed snapshot. PostgreSQL frame. */
void use_new_keys_here(Oid relid);

} // namespace pgtrickle
