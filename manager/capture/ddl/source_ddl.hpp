/*
 * Effects of DDL on sources that their triggers do not see.
 *
 *   DROP of a partition or child, DETACH, NO INHERIT  marker for its ancestors
 *   ATTACH, CREATE … PARTITION OF, INHERIT           triggers on the relation; marker if it has rows
 *   COPY FREEZE into a new partition or child        waits for refreshes, as ATTACH of one with rows does
 *   ENABLE, DISABLE TRIGGER of a capture trigger     marker
 *   ALTER TYPE of a column logged                    marker, and a format that fits
 *   DROP of a source                                 removal of its rows in the extension's tables
 *   CREATE, ALTER SUBSCRIPTION that writes to it     row triggers on its relations
 *   DROP of an object that a capture trigger needs   marker
 *   DROP TRIGGER, DROP TABLE of the extension's own  refused
 *   a foreign or temporary partition or child of a source: refused
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle::capture {

/* Entries of fdw/module.cpp. Changes of inheritance trees are processed at the end of a statement of any
 * kind, so each statement passes around_statement(); the other entries run around it. */
void before_drop(const UtilityCall &call);             /* DropStmt */
void before_copy(const UtilityCall &call);             /* CopyStmt */
void around_alter_table(const UtilityCall &call);      /* AlterTableStmt */
void before_alter_of_trigger(const UtilityCall &call); /* AlterObjectDependsStmt, RenameStmt */
void after_subscribing(const UtilityCall &call);       /* CreateSubscriptionStmt, AlterSubscriptionStmt */
void around_statement(const UtilityCall &call);
void watch_object(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *argument);
void forget_at_end(XactEvent moment);
void forget_at_subtransaction_abort(SubXactEvent moment, SubTransactionId aborted, SubTransactionId parent);

/* DDL between these calls is the extension's own, and is ignored by the functions above. An error ends this,
 * too. */
void begin_own_work();
void end_own_work();

} // namespace pgtrickle::capture
