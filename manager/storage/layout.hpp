/*
 * The heap of an arrangement: which columns and indexes it has, and how it is made.
 *
 * Physical columns are those of the program's step, in order, then pgt_hash (identity.hpp).
 * The heap belongs to the stream table's owner and depends on the foreign table
 * INTERNALly, so that it goes with it and cannot be dropped, altered or reached by hand.
 */
#pragma once

#include "pg/boundary.hpp"

#include "engine/program.hpp"

namespace pgtrickle::storage {

/* Creates the heap `relation_name` of `step` for the stream table `relid`, with its index
 * on pgt_hash and one for each column set by which later steps look rows up. Returns its
 * OID. Throws PgError. */
Oid create_arrangement(Oid relid, const std::string &relation_name, const engine::Step &step);

/* Drops a heap made by create_arrangement. */
void drop_arrangement(Oid relid, Oid heap);

} // namespace pgtrickle::storage
