/*
 * Settings of columns that PostgreSQL accepts on a foreign table and that have an effect on the storage only: SET
 * STATISTICS, SET (n_distinct …), SET STORAGE. The foreign table keeps them, so that a dump has them; each storage gets
 * a copy.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace pgtrickle::storage {

/* Copies the settings of all columns of the stream table to its storage, and to the partitions of this. Takes
 * ShareUpdateExclusive where something differs. PostgreSQL frame. */
void copy_column_settings(Oid relid, Oid storage);
/* Copies them to some of its heaps (OIDs). PostgreSQL frame. */
void copy_column_settings_to(Oid relid, const List *heaps);
/* Copies those that ANALYZE uses to another stream table, where columns of the same name may have other types.
 * PostgreSQL frame. */
void copy_settings_for_analyze(Oid relid, Oid successor);

} // namespace pgtrickle::storage
