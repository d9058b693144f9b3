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

/* Runs `alter`, which calls AlterTable() or AlterTableInternal() of the relation, with an entry for `statement`. */
template <class Alter> void altering(Oid relid, ::Node *statement, Alter alter)
{
    EventTriggerAlterTableStart(statement);
    EventTriggerAlterTableRelid(relid);
    alter();
    EventTriggerAlterTableEnd();
}

/* As above, where no event trigger sees the entry. */
template <class Alter> void altering(Oid relid, Alter alter)
{
    altering(relid, reinterpret_cast<::Node *>(makeNode(AlterTableStmt)), alter);
}

} // namespace pgtrickle
