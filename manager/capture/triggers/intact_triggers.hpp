/*
 * Sources of which this process knows that all their capture triggers exist and fire always.
 *
 * Invariant: what is known of a source holds as long as no relation around it is invalidated, and no subscription gets
 * or loses a table. Every command that adds, removes, enables or disables a trigger invalidates its table; one that
 * changes the tree invalidates a relation that was, or is from then on, in it; and the formats that require row
 * triggers are invalidated with all relations around their source (invalidate_targets()). A session without the
 * extension's hooks could give a table a parent that has no columns, which invalidates the parent alone: nothing is
 * known in a server that does not preload the library.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::capture {

/* Takes AccessShare on the relations around the source, to the end of the transaction, and returns whether all of them
 * have their triggers. Costs a lock and a look into a hash table for each relation, if that is known. */
bool lock_with_all_triggers(Oid source);

} // namespace pgtrickle::capture
