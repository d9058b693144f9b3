/*
 * The capture triggers of a relation: five internal statement triggers, and a row trigger where those do not
 * see every row.
 *
 *   before       BEFORE INSERT, UPDATE, DELETE or TRUNCATE   records that a statement is open
 *   insert       AFTER INSERT    new rows            \
 *   update       AFTER UPDATE    old and new rows     } log them, and record that it is done
 *   delete       AFTER DELETE    old rows            /
 *   truncate     AFTER TRUNCATE                      writes a marker, and records that it is done
 *   row          AFTER each row                      for sources captured by rows (routing.hpp), and for
 *                                                    relations that a subscription writes to
 *
 * All are ENABLE ALWAYS, so that session_replication_role does not disable them, and internal (\d and pg_dump
 * omit them). They depend AUTO on the trigger function: they are dropped with the extension, and never
 * prevent a DROP of the source. PostgreSQL frames.
 */
#pragma once

#include "capture/source/own_triggers.hpp"
#include "pg/boundary.hpp"

extern "C" {
#include "commands/trigger.h"
}

namespace pgtrickle::capture {

/* Creates missing triggers and enables disabled ones. The caller holds ShareRowExclusive. */
void install_triggers(Oid relid);
/* The caller holds AccessExclusive. */
void remove_triggers(Oid relid);
/* Whether all triggers that the relation needs exist and fire always. */
bool has_all_triggers(Oid relid);
/* Whether a statement on the relation fires any of them. */
bool has_any_trigger(Oid relid);

struct TriggerStatus {
    Oid relation; /* the source, a descendant or an ancestor */
    const char *name;
    const char *event; /* as in "AFTER INSERT" */
    bool is_for_rows;
    bool is_there;
    bool fires_always;
};

/* Returns every trigger that the capture of a table needs (List of TriggerStatus *), whether it exists or
 * not, as `snapshot` sees it; null: the latest state. */
List *triggers_of(Oid source, Snapshot snapshot = nullptr);

} // namespace pgtrickle::capture
