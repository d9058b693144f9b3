/*
 * The capture triggers of a relation: five internal statement triggers, and where those do not
 * see every row, a row trigger.
 *
 *   before       BEFORE INSERT OR UPDATE OR DELETE   notes that a statement is open
 *   insert       AFTER INSERT    new rows            \
 *   update       AFTER UPDATE    old and new rows     } log them, and note that it is done
 *   delete       AFTER DELETE    old rows            /
 *   truncate     AFTER TRUNCATE                      writes a marker
 *   row          AFTER each row                      for sources captured by rows (routing.hpp), and for
 *                                                    what a subscription writes
 *
 * All are ENABLE ALWAYS, so that session_replication_role does not silence them, internal
 * (\d and pg_dump leave them out), and depend AUTO on the trigger function: they go with
 * the extension, and never stop the source from being dropped. PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "commands/trigger.h"
}

namespace pgtrickle::capture {

/* InvalidOid when the extension is not in this database. */
Oid trigger_function();
bool is_capture_trigger(Oid trigger_function_oid);

/* Creates what is missing and enables what is not. The caller holds ShareRowExclusive. */
void install_triggers(Oid relid);
/* The caller holds AccessExclusive. */
void remove_triggers(Oid relid);
/* Whether all that it needs are there, and fire always. */
bool has_all_triggers(Oid relid);

/* Whether statement triggers do not see, or not alone, what is written to `relid`: a source at or
 * above it is captured by rows, or a subscription writes to it. */
bool needs_row_trigger(Oid relid);

struct TriggerSeen {
    Oid relation;      /* the source, or what lies below or above it */
    const char *name;
    const char *event; /* as in "AFTER INSERT" */
    bool is_for_rows;
    bool is_there;
    bool fires_always;
};

/* Every trigger that the capture of a table needs (List of TriggerSeen *), there or not. */
List *triggers_of(Oid source);

} // namespace pgtrickle::capture
