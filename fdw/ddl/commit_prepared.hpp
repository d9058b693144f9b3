/*
 * Changes of definitions by a prepared transaction are announced when it is committed.
 *
 * A transaction that changes definitions invalidates the refresh sets before PREPARE, whether or not they change: the
 * session that commits it finds that invalidation (mailbox/utility.cpp). ROLLBACK PREPARED sends nothing, and the
 * transaction may have had a source captured for a definition that will not be, so a change is announced each time.
 *
 * Entries of fdw/module.cpp. PostgreSQL frames.
 */
#pragma once

#include "pg/hooks.hpp"

namespace pgtrickle {

void announce_before_prepare(XactEvent event);
void follow_commit_prepared(const UtilityCall &call);
void follow_rollback_prepared(const UtilityCall &call);

} // namespace pgtrickle
