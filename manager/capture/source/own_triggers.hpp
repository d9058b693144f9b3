/*
 * The function of the capture triggers, and which events of a relation fire no triggers of users.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "utils/relcache.h"
#include "utils/reltrigger.h"
}

namespace pgtrickle::capture {

/* Returns InvalidOid if the extension is not installed in this database. */
Oid trigger_function();
bool is_capture_trigger(Oid trigger_function_oid);

/* Returns those of the events INSERT, UPDATE and DELETE (TRIGGER_TYPE_…) that fire the statement triggers of capture,
 * and besides these at most the triggers of constraints. PostgreSQL frame. */
int16 events_of_own_triggers(Relation relation);

/* Returns a copy of the relation's triggers without statement triggers and those of capture: what such an event fires.
 * nullptr if there are none. PostgreSQL frame. */
TriggerDesc *triggers_of_rows(Relation relation);

} // namespace pgtrickle::capture
