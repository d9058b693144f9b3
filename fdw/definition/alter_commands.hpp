/* The commands of ALTER TABLE. */
#pragma once

#include "pg/versions/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle {

/* Whether the statement has a command of this type. */
inline bool has_command(const AlterTableStmt *statement, AlterTableType type)
{
    ListCell *cell;
    foreach (cell, statement->cmds)
        if (lfirst_node(AlterTableCmd, cell)->subtype == type)
            return true;
    return false;
}

} // namespace pgtrickle
