/*
 * ALTER TABLE by the extension. Where event triggers are kept a list of commands, PostgreSQL's functions for it write
 * into the entry that ProcessUtility() makes. PostgreSQL frame.
 */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "commands/event_trigger.h"
#include "nodes/parsenodes.h"
}

namespace pgtrickle {

/* Runs `alter`, which calls AlterTable() or AlterTableInternal(), with an entry. */
template <class Alter> void altering(Alter alter)
{
    EventTriggerAlterTableStart(reinterpret_cast<::Node *>(makeNode(AlterTableStmt)));
    alter();
    EventTriggerAlterTableEnd();
}

} // namespace pgtrickle
