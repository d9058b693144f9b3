/*
 * Settings that ALTER DATABASE … SET and ALTER ROLE ALL SET give to new sessions of a database. Running
 * processes keep the values with which they started. Background workers of the extension log in as the bootstrap
 * superuser, and also have its settings.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "utils/array.h"
}

namespace pgtrickle {

/* Returns the settings for `role`, or those for all roles if `role` is invalid, in `database`, or in all databases if
 * `database` is invalid: "name=value" for each setting, or null if there are none. Must be called in a transaction; the
 * result is allocated in the current memory context. PostgreSQL frame. */
ArrayType *settings_given_in(Oid database, Oid role = InvalidOid);

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
