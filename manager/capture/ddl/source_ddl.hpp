/*
 * Guard: what DDL does to sources behind the backs of their triggers.
 *
 *   DROP of a partition or child, DETACH, NO INHERIT  marker for what was above it
 *   ATTACH, CREATE … PARTITION OF, INHERIT           triggers on it; marker if it holds rows
 *   ENABLE, DISABLE TRIGGER of a capture trigger     marker
 *   ALTER TYPE of a column logged                    marker, and a format that fits
 *   DROP of a source                                 its rows in our tables go
 *   CREATE, ALTER SUBSCRIPTION that writes to it     row triggers on what it writes to
 *   DROP of a capture trigger with what it needs     marker
 *   DROP TRIGGER, DROP TABLE of what is ours         refused
 *   a foreign or temporary partition or child of a source: refused
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle::capture {

/* Entries of fdw/module.cpp. What a statement has done to trees is settled when it is done, whatever kind it is; so each statement
 * passes around_statement(), and the others come around it. */
void before_drop(const UtilityCall &call);             /* DropStmt */
void around_alter_table(const UtilityCall &call);      /* AlterTableStmt */
void before_alter_of_trigger(const UtilityCall &call); /* AlterObjectDependsStmt, RenameStmt */
void after_subscribing(const UtilityCall &call);       /* CreateSubscriptionStmt, AlterSubscriptionStmt */
void around_statement(const UtilityCall &call);
void watch_object(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *argument);
void forget_at_end(XactEvent moment);
void forget_at_subtransaction_abort(SubXactEvent moment, SubTransactionId aborted, SubTransactionId parent);

/* What happens between these is our own DDL: the guard looks away. An error ends it too. */
void begin_own_work();
void end_own_work();

} // namespace pgtrickle::capture
