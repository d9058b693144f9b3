/*
 * Functions of this room that PostgreSQL calls: entries of fdw/module.cpp. PostgreSQL frames. The functions
 * called at the end of transactions never ereport; none of the functions has an effect without shared memory.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle::mailbox {

/* ---- shared memory, while the library is preloaded; progress.cpp has its own ---- */
void request_memory();
void start_memory();
void start_kept_attempts(); /* after start_memory() */
void request_progress_memory();
void start_progress_memory();

/* ---- commands that concern a whole database (utility.cpp) ---- */
/* `definitions` is a relation that each change of a definition in this database invalidates; InvalidOid: there is none.
 */
void around_commit_prepared(const UtilityCall &call, Oid definitions);
/* DropdbStmt, CreatedbStmt, AlterDatabaseStmt, RenameStmt: makes the database's manager exit if the command needs the
 * database without sessions. */
void before_database_statement(const UtilityCall &call);
void after_settings_statement(const UtilityCall &call); /* AlterDatabaseSetStmt, AlterRoleSetStmt */
/* CreateRoleStmt, GrantRoleStmt, AlterRoleStmt, DropRoleStmt, DropOwnedStmt, ReassignOwnedStmt, AlterOwnerStmt */
void before_role_statement(const UtilityCall &call);
/* Registers the invalidation callback. Called once, by _PG_init, if the library is preloaded. */
void register_invalidations();

/* ---- the end of a transaction (transaction.cpp) ---- */
void at_transaction_event(XactEvent event);
void at_subtransaction_event(SubXactEvent event, SubTransactionId self, SubTransactionId parent);
void at_release_of_locks();
/* Clears this backend's progress when the transaction is aborted. */
void clear_progress(XactEvent event);

} // namespace pgtrickle::mailbox
