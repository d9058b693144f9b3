/*
 * Small tables of the extension, read and written as heaps: no privileges are checked, and no SPI is needed.
 * They are looked up by name each time, because an OID kept over DROP EXTENSION would be wrong. PostgreSQL
 * frames.
 *
 * Invariant: a table of this name counts only in the schema of the extension. Where the extension is not, a role
 * that may create schemas may create one of this name, with tables of any shape.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "access/genam.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"
}

#include <initializer_list>

namespace pgtrickle::definition {

/* The rows of a table, copied into the current memory context. */
struct TableRows {
    int count = 0;
    int column_count = 0;
    Datum *values = nullptr; /* row by row */
    bool *nulls = nullptr;
    Oid *types = nullptr; /* types of the columns */

    Datum value(int row, int column) const
    {
        return values[row * column_count + column - 1];
    } /* columns are numbered from 1 */
    bool is_null(int row, int column) const { return nulls[row * column_count + column - 1]; }
    Oid type(int column) const { return types[column - 1]; }
};

/* Returns how many changes of schemas have arrived in this process. What was looked up by the name of a schema holds as
 * long as the count from before the look-up stays. */
uint64 schema_changes();

/* Returns the schema `pgtrickle` of the extension, or InvalidOid if the extension is not (or no longer) in this
 * database. */
Oid extension_schema();

/* Returns the OID of a table or index of the extension, or InvalidOid if the extension is not (or no longer)
 * in this database. */
Oid extension_relation(const char *name);

/* Returns a function of the extension. Unlike LookupFuncName(), it asks for no USAGE on the schema, which roles whose
 * statements pass our hooks may not have. If there is none, raises 42883, or returns InvalidOid if `missing_ok`. */
Oid extension_function(const char *name, std::initializer_list<Oid> arguments, bool missing_ok = false);

/* Opens the table. Returns NULL if the extension is not (or no longer) in this database. */
::Relation open_extension_table(const char *name, LOCKMODE lock);

/* Whether an index of the table is worth its use: a session reads one page in less time than it takes to load what it
 * has to know of an index. */
bool is_read_by_index(::Relation table);

/* Begins a scan of the rows whose column, the first of the index, is `key`. The caller provides `scan_key`,
 * which must exist as long as the scan. */
SysScanDesc begin_scan_by_oid(::Relation table, const char *index, int column, Oid key, ScanKeyData *scan_key,
                              Snapshot snapshot = nullptr);
/* As above, in no order: by the index only if is_read_by_index(). */
SysScanDesc begin_unordered_scan_by_oid(::Relation table, const char *index, int column, Oid key, ScanKeyData *scan_key,
                                        Snapshot snapshot);

/* Returns the rows of the table under the snapshot, or under the latest one if there is none; no rows if the
 * extension is not in this database. */
TableRows rows_of(const char *table, Snapshot snapshot = nullptr);

/* As rows_of(), of a table that is read without an index; returns false for a larger one. */
bool read_if_small(const char *table, Snapshot snapshot, TableRows *rows);

/* As rows_of(), the rows whose column, the first of the index, is `key`, of type oid or regclass, or `name`, of type
 * text. */
TableRows rows_with(const char *table, const char *index, int column, Oid key, Snapshot snapshot = nullptr);
TableRows rows_named(const char *table, const char *index, int column, const char *name, Snapshot snapshot = nullptr);

/* Removes the rows whose column, of type oid or regclass, is `relation`. Returns the number of rows
 * removed. The column is the first of the index, if one is given. */
int remove_rows_of(const char *table, int column, Oid relation, const char *index = nullptr);
/* As above, of the rows whose column, of type text, is `name`. */
int remove_rows_named(const char *table, int column, const char *name, const char *index = nullptr);

} // namespace pgtrickle::definition
