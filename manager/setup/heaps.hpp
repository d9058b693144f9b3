/*
 * The heaps of a stream table: its storage and the arrangements of the other steps, created empty
 * (storage/layout.hpp).
 *
 * The internal view and the dependencies of the stream table exist already, and determine which heaps it
 * needs. The caller holds AccessExclusive on the stream table, or has created it in this transaction.
 *
 * C++ frames; they throw PgError.
 */
#pragma once

#include "pg/boundary.hpp"

#include <vector>

namespace pgtrickle::setup {

/* Creates the heaps of a stream table that has none; InvalidOid is the tablespace of the database. */
void create_heaps(Oid relid, Oid tablespace);

/* Creates the heaps of the successor of `relid` (setup/successor.hpp), in the tablespace of those of `relid`. */
void create_heaps_of_successor(Oid successor, Oid relid);

/* Drops the heaps of a stream table, which may be incomplete, and creates those that its query needs, in the
 * same tablespace. The caller has unpopulated the stream table. */
void replace_heaps(Oid relid);

/* Makes the heaps of the successor, with its indexes of users, those of `relid`, whose own ones are dropped. */
struct Successor;
void take_over_heaps(Oid relid, const Successor &successor);

/* Returns the arrangements of a stream table, and last its storage. */
std::vector<Oid> heaps_of(Oid relid);

/* Gives the storage the parameters that the definition has now. */
void follow_storage_parameters(Oid relid);

} // namespace pgtrickle::setup
