/*
 * Users' indexes lie in the schema of their stream table, although PostgreSQL creates an index in the schema of its
 * heap. PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::storage {

/* Moves an index to a schema, under a name. */
void place(Oid index, Oid schema, const char *name);
/* To be called for each relation that is being created: if it is an index of a storage that PostgreSQL creates, as
 * REINDEX CONCURRENTLY does, moves it to the schema of the stream table. */
void place_new_index(Oid relation);
/* Moves the indexes of users on a storage to another schema. */
void move_user_indexes(Oid storage, Oid schema);

} // namespace pgtrickle::storage
