/*
 * The first fill of stream tables by keys that their sources got after they were created (refresh/batch/new_keys.hpp),
 * for a statement that is about to lock them: its lock would keep the manager from using the keys.
 */
#pragma once

#include "pg/versions/postgres.hpp"

namespace pgtrickle {

/* Has those without rows filled by the manager, and waits for that as a reader waits. What this transaction has
 * created, the manager does not see: it only gets the keys. None of them may be locked by this transaction. Any may be
 * left without rows, as one that is held or whose fill fails. PostgreSQL frame. */
void have_filled(const Oid *relids, int count);

/* As have_filled(), if the stream table or one that it reads could have a key that it does not use, and if the snapshot
 * of this transaction is not fixed: it would not see the rows. */
void have_filled_by_new_key(Oid relid);

} // namespace pgtrickle
