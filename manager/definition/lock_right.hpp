/*
 * Decides which objects of other roles a transaction may keep locked.
 *
 * Invariant: an open transaction of a role delays work on a relation on which the role has no privilege but
 * SELECT no longer than the AccessShare lock of a reader does. Any action that a session takes on its own
 * initiative for a stream table that its user owns, and that needs a stronger lock on a source, checks this
 * first; if the lock is not permitted, the action is left to the manager or to an installer, whose
 * transactions end soon.
 *
 * A role may keep locked what PostgreSQL permits it to lock by other means: relations that it owns, and
 * tables on which it has the privileges that LOCK TABLE or CREATE TRIGGER requires. The checked role is the
 * user outside of all switches to the owner of a stream table, because that user decides when the transaction
 * ends.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::definition {

/* Returns true if this transaction may prevent others from refreshing the stream table: its user owns the
 * stream table, or may lock in AccessExclusive a relation that the refresh reads; or the transaction prevents
 * refreshes already. A refresh of the stream table in this transaction locks no more than that. */
bool may_stop_refreshes(Oid stream_table);

/* Returns true if a refresh of the stream table may run in this session and store what it computes: its user has the
 * rights of the owner, and does not owe them to a SECURITY DEFINER function. What another role has called before may
 * have been compiled under its settings, and would give other rows to all readers. */
bool may_store(Oid stream_table);

/* Returns true if a transaction of the role may keep the relation locked: it is the owner of the relation, or has a
 * privilege with which LOCK TABLE permits any mode. */
bool may_keep_locked(Oid relation, Oid role);

/* Returns true if this transaction may prevent others from starting and ending the capture of `source`. */
bool may_stop_capture_changes(Oid source);

} // namespace pgtrickle::definition
