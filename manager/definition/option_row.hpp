/*
 * Options of foreign tables, in their rows of pg_foreign_table. They contain the definition of a stream table as a dump
 * has it.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
#include "utils/snapshot.h"
}

namespace pgtrickle {

/* Returns the value of one option as the snapshot sees it, or the latest one; or a null pointer without it, or without
 * such a foreign table: it may have been dropped since an unlocked look at the catalogs. PostgreSQL frame. */
const char *option_of(Oid relid, const char *name, Snapshot snapshot = nullptr);

/* Writes one option of a foreign table, without the checks of a user's ALTER. The option exists with
 * DEFELEM_SET, and does not with DEFELEM_ADD. PostgreSQL frame. */
void write_option(Oid relid, const char *name, const char *value, DefElemAction action);

} // namespace pgtrickle
