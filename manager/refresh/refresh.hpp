/*
 * Refreshing: bringing stream tables to a new frontier, in the current transaction.
 *
 * Invariants:
 * - all locks of batch.hpp are held before the one snapshot of the refresh is taken. Storages are locked as
 *   statements read and write them: to replace a storage takes a lock on the foreign table, which is among
 *   these;
 * - everything is read under that snapshot (its command id advances with each write), so all members reach
 *   the same frontier together, or none does;
 * - after the refresh, the declared columns of each member's storage are the defining query's answer under
 *   that snapshot.
 * A refresh runs with the owner's rights, under the recorded settings and a safe search_path.
 */
#pragma once

#include "refresh/request/request.hpp"

#include <string>
#include <vector>

namespace pgtrickle::refresh {

/* Refreshes the requested stream tables, and others as request.reach says, as one batch under one snapshot.
 * The caller must not read the result under a snapshot that was active before the call.
 *
 * With skip_if_locked, returns an empty list if another transaction holds a member's object lock, or, with reach
 * all_upstreams, has added rows to the tree of a source; it reports that member in skipped->locked, and has released
 * the locks that exclude other refreshes. Likewise, with reach named, for a member that is in a larger set than the
 * request knows of, or is suspended. Throws PgError, a MemberError if a member is at fault; nothing has
 * changed once the caller's (sub)transaction is rolled back.
 *
 * Held and suspended members are skipped (excluded_members.hpp), except that an owner's request refreshes a
 * suspended stream table that it names. If a stream table that the request names must be skipped, an owner's
 * request raises 55000; other requests report it in skipped->held. Skipped are also members that only a refresh group
 * connects with the named ones, and whose refresh fails: skipped->failed has their errors. In a REPEATABLE READ
 * transaction the named stream tables must be all populated or all unpopulated. In the first case other unpopulated
 * members are skipped; in the second, populated ones are refreshed before, under the transaction's snapshot, and where
 * that does not serve them, the fills read them as they stand: they are in skipped->upstreams.
 */
std::vector<Outcome> refresh_batch(const BatchRequest &request, SkippedMembers *skipped = nullptr);

/* Fills a stream table for the first time, under a snapshot taken after its sources were captured. */
Outcome initialize(Oid relid);

/* As initialize(), but reads upstreams as they stand, unless they were never filled: no lock of theirs that excludes
 * their refreshes is kept. For the successor of a stream table (setup/successor.hpp), which is in no set. */
Outcome initialize_alone(Oid relid);
/* Brings a stream table up to date after that, alone or with its sets and upstreams. It is skipped if it is held. */
void follow_changes_alone(Oid relid);
void follow_changes(Oid relid);
/* Brings a stream table up to date alone, as its owner does by name, although its sets may be held: raises 55000 if its
 * sources must not be read, and 40001 if it has been suspended. */
void catch_up_alone(Oid relid);

} // namespace pgtrickle::refresh
