/*
 * The heap of an arrangement: its columns and indexes, and how it is created.
 *
 * The physical columns are those of the program's step, in order, then pgt_hash (identity.hpp) unless its rows
 * are found by columns of the step. The heap
 * belongs to the owner of the stream table and depends on the foreign table INTERNALly, so that it is dropped
 * with it and cannot be dropped or altered directly. Its owner has no privilege on it: a heap has columns
 * that the stream table does not show.
 *
 * Heaps and indexes are created by PostgreSQL's C functions with the restricted rights of the owner. No
 * utility statement runs, so no event trigger fires. The session's settings have no effect; text settings
 * have the extension's own values.
 */
#pragma once

#include "pg/internal_query.hpp"

#include "definition/partition_by.hpp"
#include "engine/program.hpp"

namespace pgtrickle::storage {

/* Creates the heap `relation_name` of `step` for the stream table `relid`, with the index by which its rows are
 * found and an index for each column set by which later steps look rows up, and returns its OID. `parts` are those of
 * the program's query. A heap that is partitioned becomes a partitioned table (partitions.hpp). InvalidOid as
 * `tablespace` means that of the database. Throws PgError. */
Oid create_arrangement(Oid relid, const std::string &relation_name, const engine::Step &step, const QueryParts &parts,
                       const PartitionBy &by, Oid tablespace);

/* Describes a column of a program. PostgreSQL frame. */
void describe_column(TupleDesc columns, AttrNumber number, const engine::Column &column);

/* Creates a relation of these columns that belongs to the stream table, without indexes; `kind` is that of a heap or
 * of a partitioned table. PostgreSQL frame. */
Oid create_heap(Oid relid, const char *name, TupleDesc columns, char kind, Oid tablespace, Datum options);
/* Raises 55006, with the action that is refused, if a query of this session is reading a heap of the stream table.
 * PostgreSQL frame. */
void check_not_in_use(Oid relid, Oid heap, const char *action = "replace the rows of");
/* Gives the heaps of a storage these options, changed by the option storage_parameters. PostgreSQL frame. */
void set_heap_options(Oid storage, bool is_of_groups, const char *parameters);
/* Returns the name of the tablespace for indexes of the heap; null: the default one, where default_tablespace is
 * empty. PostgreSQL frame. */
char *tablespace_of_indexes(Oid heap);

/* Copies the numbers of the columns by which the rows of the heap are found to `columns`, which has room for
 * INDEX_MAX_KEYS, and returns how many they are; 0: by pgt_hash. What the heap was created with counts, not what
 * its program would have today: a constraint of a source may have been dropped. PostgreSQL frame. */
int found_by(Oid heap, AttrNumber *columns);
/* As found_by(), if they are a key; otherwise 0. PostgreSQL frame. */
int key_of_rows(Oid heap, AttrNumber *columns);

/* If the analyzed statement creates the index on the key by which rows are found, makes this index the adopted one
 * (adopted_index.hpp), puts it into `index`, and returns true. Otherwise nothing is changed. The caller has locked the
 * heap in ShareLock. PostgreSQL frame. */
bool adopt_index_of_key(Oid heap, const IndexStmt *statement, Oid *index);
/* Makes the adopted index of the heap its own one again (adopted_index.hpp). PostgreSQL frame. */
void return_index_of_key(Oid heap, bool is_of_groups);

/* Gives a heap or an index, with its partitions, an empty list of privileges: without a list its owner has all
 * privileges, and may read its statistics. PostgreSQL frame. */
void withhold_privileges(Oid relation);

/* Returns the tablespace in which CREATE TABLE would create a table of the stream table's owner in this
 * session. Throws PgError (42501) if the owner may not create anything there. */
Oid chosen_tablespace(Oid relid);
/* Returns the tablespace of a heap; InvalidOid for that of the database. */
Oid tablespace_of(Oid heap);

/* Gives the columns of an arrangement the names that `step` has for them. Locks the heap exclusively. C++ frame;
 * throws PgError. */
void rename_columns(Oid heap, const engine::Step &step);

/* Drops a heap that create_arrangement() has created. */
void drop_arrangement(Oid relid, Oid heap);

} // namespace pgtrickle::storage
