/*
 * The snapshot of a REPEATABLE READ transaction.
 *
 * PostgreSQL takes it before the first statement is analyzed, and so before the barrier. As long as no
 * statement has read under it, it can be taken once more without a visible difference: the client cannot know
 * at which moment of its first statement the snapshot was taken. So the first statement of a REPEATABLE READ
 * transaction passes the barrier as in READ COMMITTED. Clients that know nothing of stream tables depend on
 * it: postgres_fdw runs every remote query in REPEATABLE READ.
 *
 * A snapshot is used once a statement has begun to execute under it, or a utility statement that took it has
 * ended. It is never renewed if it is registered elsewhere, if this transaction has written, if it is
 * imported or belongs to replication, or in SERIALIZABLE, where PostgreSQL's own bookkeeping refers to it.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"
#include "pg/hooks.hpp"

namespace pgtrickle {

/* Records that the statement of `query` reads under the transaction's snapshot. To be called when the
 * statement has passed the barrier. */
void use_transaction_snapshot();
/* Whether the transaction's snapshot may be taken once more for the statement of `query`, which is the first
 * one and holds the only other reference to it. */
bool is_transaction_snapshot_unused(QueryDesc *query);
/* Takes the transaction's snapshot once more. is_transaction_snapshot_unused() has returned true. */
void retake_transaction_snapshot();
/* Returns a time that is not before that of the snapshot. */
TimestampTz transaction_snapshot_time();

/* Entries of fdw/module.cpp. */
void use_snapshot_in_block(const UtilityCall &call); /* DO and CALL, before their statements */
void use_snapshot_of_utility(const UtilityCall &call);

} // namespace pgtrickle
