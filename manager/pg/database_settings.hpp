/*
 * Settings that ALTER DATABASE … SET and ALTER ROLE ALL SET give to new sessions of a database. Running
 * processes keep the values with which they started. Background workers of the extension log in as the bootstrap
 * superuser, and also have its settings.
 *
 * A role or a client may give a session another value when it starts. PostgreSQL then keeps no value of the server,
 * which is that of postgresql.conf or of the command line, and does not show one in a later reload. So each process
 * keeps the values of the server before it gets others: a session when its client is authenticated, a worker before it
 * connects. Where the library is not preloaded, and in parallel workers, built-in values stand for those that are
 * hidden.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "utils/array.h"
#include "utils/guc_tables.h"
}

namespace pgtrickle {

/* Returns the settings for `role`, or those for all roles if `role` is invalid, in `database`, or in all databases if
 * `database` is invalid: "name=value" for each setting, or null if there are none. Must be called in a transaction; the
 * result is allocated in the current memory context. PostgreSQL frame. */
ArrayType *settings_given_in(Oid database, Oid role = InvalidOid);

/* Returns the value that ALTER ROLE gives sessions of the role in this database, or, if `role` is invalid, the one that
 * ALTER DATABASE or ALTER ROLE ALL gives; or null. As settings_given_in(). */
const char *given_value(const char *name, Oid role = InvalidOid);

/* To be called before the process gets settings of its database, role and client: keeps the values of the server for
 * shared settings that differ from the built-in ones. PostgreSQL frame. */
void keep_values_of_server();

/* Whether any role may set the setting, or one to which that was granted, and its value may have a part in what an
 * expression or a query returns, other than by the order of its steps. */
bool is_shared(const config_generic *setting);

/* Return values as text that sets the setting to the same value. PostgreSQL frames. */
const char *present_value(const config_generic *setting);
const char *built_in_value(const config_generic *setting);
/* The value that the server gives, whatever its databases and roles do; where another one hides it, the value that
 * keep_values_of_server() found. A setting of that name must exist. */
const char *value_of_server(const config_generic *setting);
const char *value_of_server(const char *name);
/* The value that all sessions of the database have: the one that RESET returns to, unless a role or a client gave it.
 * Otherwise as settings_given_in(). */
const char *value_of_all_sessions(const config_generic *setting);

/* Whether background workers of the extension log in as this role. */
bool is_role_of_workers(Oid role);

/* Returns the part of an entry after "name="; null if the entry sets another setting. */
const char *value_of(const char *entry, const char *name);

/* Returns the settings that a new background worker of this database starts with, as one text for comparison. TimeZone
 * is left out: a running manager reads its changes. Must be called in a transaction; the result is allocated
 * in the current memory context. PostgreSQL frame. */
char *settings_to_begin_with();

/* To be called by a transaction that has changed what settings_to_begin_with() returns in `database`, or in all
 * databases if `database` is invalid. May wait for lock_settings() of others. PostgreSQL frame. */
void lock_changed_settings(Oid database);

/* Keeps what settings_to_begin_with() returns from being changed until unlock_settings() or the end of the transaction,
 * including changes for which a transaction has yet to call what is registered for its commit. Returns false, and waits
 * for nothing, if another transaction has changed it. Must be called in a transaction. PostgreSQL frames. */
bool lock_settings();
void unlock_settings();

} // namespace pgtrickle
