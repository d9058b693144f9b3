/*
 * What this transaction has done to what a stream table shows, changes of sources that are not captured included, which
 * no trigger reports to the mailbox.
 *
 * Invariant: a transaction that has changed rows of a relation holds a lock of writers on it to its end, or to that of
 * the subtransaction that is rolled back. So such a lock on a source that is not captured, or on one of its partitions
 * or children, counts as a change, also after a refresh in this transaction; it may be one that changed no row.
 *
 * Functions of a query may read tables that are no sources: any change of a transaction may be one of them.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "mailbox/mailbox.hpp"

namespace pgtrickle {

/* Cost, beside that of mailbox::own_effects(): for a stream table that changes without a captured change, a look for
 * the locks of its sources. */
mailbox::OwnEffects own_effects_on(Oid relid);

/* Whether this transaction has refreshed one of them, or defined it. The command that did may be newer than the
 * snapshot of a statement that begins now: what PostgreSQL evaluates without a statement of its own, such as an
 * expression of PL/pgSQL, the arguments of EXECUTE or a CHECK that is being added, runs several statements under one
 * snapshot. */
bool has_refreshed_any(const Oid *relids, int count);

} // namespace pgtrickle
