/*
 * ALTER of options that only say when a stream table is refreshed, and with what resources. It excludes neither readers
 * nor refreshes, and waits for none.
 *
 * Only the manager needs the new values at once. A session announces the change at its commit, before
 * PostgreSQL sends the invalidations of its caches: a manager that is quicker would read the old options, and not look
 * again. Therefore the session holds definition_lock() exclusively to its end; locks are released after invalidations
 * have been sent. The manager takes the lock before it reads, and tries again later if it is refused.
 *
 * C++ frames; they throw PgError.
 */
#pragma once

#include "fdw/ddl/user_statement.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace pgtrickle {

/* Whether these options (DefElems) are of that kind only. PostgreSQL frame. */
bool is_about_timing(const List *def_elements);

/* Executes ALTER FOREIGN TABLE of `relid`, which changes such options only. The caller holds ShareUpdateExclusive. */
void run_beside_readers(const UserStatement &utility, Oid relid);

} // namespace pgtrickle
