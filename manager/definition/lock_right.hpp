/*
 * What of other roles a transaction may keep locked.
 *
 * Invariant: an open transaction of a role delays work on a relation on which the role has no privilege but SELECT no longer than
 * the AccessShare lock of a reader does. All that a session does by itself for a stream table of its own, and that needs
 * another lock on what that one reads, asks here, and is left to the manager or to an installer, whose transactions end.
 *
 * A role may keep locked what PostgreSQL lets it keep locked by other means: what it owns, and by LOCK TABLE and CREATE TRIGGER tables on
 * which it has the privileges for these. Asked is the user outside of all switches to the owner of a stream table: that one
 * decides when the transaction ends.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::definition {

/* Whether this transaction may keep the stream table from being refreshed by others: its user owns it, or may lock in
 * AccessExclusive what its refresh reads; or the transaction does so already. A refresh of it in this transaction does no more. */
bool may_stop_refreshes(Oid stream_table);

/* Whether this transaction may keep others from beginning and ending the capture of `source`. */
bool may_stop_capture_changes(Oid source);

} // namespace pgtrickle::definition
