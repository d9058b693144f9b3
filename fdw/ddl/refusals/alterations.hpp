/*
 * What ALTER TABLE cannot change in a stream table, each with the reason and the alternative.
 */
#pragma once

#include "pg/hooks.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgtrickle {

/* Raises an error if a command of the statement cannot be executed on the stream table: 42501 for other roles than its
 * owner. SET TABLESPACE is allowed as the only command, and does not pass here. PostgreSQL frame. */
void refuse_other_alterations(Oid relid, const AlterTableStmt *statement);

/* An entry of fdw/module.cpp: raises 55000 for a stream table of a database that is prepared for pg_upgrade, where no
 * statement is followed. */
void refuse_alterations_meanwhile(const UtilityCall &call);
/* An entry of fdw/module.cpp for RenameStmt, AlterObjectSchemaStmt and AlterEnumStmt: raises 55000 in such a database.
 * The text of a definition means what it meant only if it follows each new name of what it reads, or if there is none:
 * a name may be given to another object. Scripts of extensions pass, which are often updated between pg_upgrade and the
 * end. */
void refuse_names_meanwhile(const UtilityCall &call);

} // namespace pgtrickle
