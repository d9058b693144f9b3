/*
 * Indexes that users have created on a storage, while another heap takes its place.
 *
 * The output columns of a stream table stay in their places, so each index can be made again: with its name, its
 * comment and its tablespace. Indexes by which rows are found are not among them; a storage is created with its own.
 *
 * C++ frames; they throw PgError.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "nodes/parsenodes.h"
#include "utils/relcache.h"
}

namespace pgtrickle::storage {

struct UserIndexes {
    List *statements = NIL;         /* IndexStmt, over columns of the old storage */
    List *comments = NIL;           /* char *, or null */
    const char **columns = nullptr; /* names of these columns */
    int column_count = 0;
};

/* Whether an index belongs to its heap, which rows are found by. PostgreSQL frame. */
bool is_own_index(Oid index);
/* Returns a statement that creates a copy of the index, without a name, on a relation with the columns of `heap`.
 * PostgreSQL frame. */
IndexStmt *statement_of(Relation heap, Relation index);

/* Returns the indexes of users on a storage. */
UserIndexes user_indexes_of(Oid storage);
/* Creates them on the storage in its place, as the owner of the stream table. */
void create_user_indexes(Oid relid, Oid storage, const UserIndexes &indexes);

} // namespace pgtrickle::storage
