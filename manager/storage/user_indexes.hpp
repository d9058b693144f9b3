/*
 * Indexes that users have created on a storage.
 *
 * They are in the schema of the stream table, although PostgreSQL has no other index that is not in the schema of its
 * heap: names of indexes conflict as they do for tables, and ALTER INDEX, COMMENT ON INDEX, DROP INDEX and REINDEX
 * INDEX find the index, and its owner, without the extension.
 *
 * When another heap takes the place of the storage, they are created again.
 * The output columns of a stream table stay in their places, so each index can be made again: with its name, its
 * tablespace, its comment, its statistics targets and the extensions that it depends on. Indexes by which rows are
 * found are not among them, unless the user's index has taken their place (adopted_index.hpp); a storage is created
 * with its own. Where a column that an expression reads has another type in the new storage, the expression is analyzed
 * again, as ALTER COLUMN TYPE of PostgreSQL does.
 *
 * C++ frames; they throw PgError.
 */
#pragma once

#include "storage/index_names.hpp"

extern "C" {
#include "catalog/objectaddress.h"
#include "nodes/parsenodes.h"
#include "utils/relcache.h"
}

namespace pgtrickle::storage {

/* The settings of an index that are not in its definition. */
struct IndexExtras {
    const char *comment; /* or null */
    List *extensions;    /* OIDs: DEPENDS ON EXTENSION */
    int column_count;
    NullableDatum *targets; /* SET STATISTICS, by column of the index */
};

struct UserIndexes {
    List *statements = NIL; /* IndexStmt, over columns of the old storage */
    List *texts = NIL;      /* String: their definitions in SQL */
    List *extras = NIL;     /* IndexExtras */
    TupleDesc columns = nullptr;
};

/* Whether an index, also one of a partition, belongs to its heap, which rows are found by. PostgreSQL frame. */
bool is_own_index(Oid index);
/* Whether a CREATE INDEX or REINDEX CONCURRENTLY that has failed has left the index. A partitioned one is invalid while
 * a partition lacks its part. PostgreSQL frame. */
bool is_left_invalid(Oid index);
/* Returns a statement that creates a copy of the index, without a name, on a relation with the columns of `heap`.
 * PostgreSQL frame. */
IndexStmt *statement_of(Relation heap, Relation index);

/* Analyzes the expressions and the predicate of a parsed statement over the columns of `table`, as transformIndexStmt()
 * does. `text`, for positions in errors, may be null. PostgreSQL frame. */
void analyze_index(IndexStmt *statement, Relation table, const char *text);

/* Creates the index of an analyzed statement on the storage, under its name in the schema of the stream table. The
 * caller has checked the privileges, and passes an error on by naming_index() (index_names.hpp). Changes `statement`.
 * `may_be_adopted`: it may take the place of the storage's own index, as it depends on no extension, with which it
 * would be dropped. PostgreSQL frame.
 */
ObjectAddress define_user_index(Oid relid, Oid storage, IndexStmt *statement, bool check_not_in_use,
                                bool may_be_adopted);
/* Gives the user an index of their own in the place of the adopted one, which becomes the storage's own again
 * (adopted_index.hpp). The caller has locked the heap in ShareUpdateExclusiveLock. PostgreSQL frame. */
void separate_index_of_key(Oid heap, bool is_of_groups);

/* Returns the statistics targets of the columns of an index, as the text of an array in which -1 is the default; null
 * if all are the default. PostgreSQL frame. */
char *statistics_targets(Oid index);
/* Sets the targets of such a text, except for columns that the index lacks. Raises an error if the text is not of
 * one. PostgreSQL frame. */
void set_statistics_targets(Oid index, const char *targets);
/* Returns the names of the extensions on which an index depends (DEPENDS ON EXTENSION), as the text of an array; null
 * if there are none. PostgreSQL frame. */
char *extension_names(Oid index);
/* Has the index depend on the extensions of such a text, except for those that are not there. PostgreSQL frame. */
void add_extensions(Oid index, const char *names);
/* Returns the indexes of users on a storage. */
UserIndexes user_indexes_of(Oid storage);
/* Leaves out indexes that use a column which the storage in its place lacks. A NOTICE names each. PostgreSQL frame. */
void leave_out_lost_indexes(Oid relid, Oid storage, UserIndexes *indexes);
/* Creates them on the storage in its place, as the owner of the stream table. */
void create_user_indexes(Oid relid, Oid storage, const UserIndexes &indexes);
/* The names that the user knows, for errors about a successor that has these indexes under hidden names. */
ShownNames shown_names(Oid successor, const UserIndexes &indexes);
/* As create_user_indexes(), on the storage of the successor `relid` (setup/successor.hpp), in the reserved schema and
 * under other names, while the old ones exist. */
void create_hidden_indexes(Oid relid, Oid storage, const UserIndexes &indexes);
/* Gives the hidden indexes their names, in `schema`. The old indexes have been dropped. PostgreSQL frame. */
void show_hidden_indexes(Oid relid, Oid schema, const UserIndexes &indexes);

} // namespace pgtrickle::storage
