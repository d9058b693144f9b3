/*
 * The heap of an arrangement: which columns and indexes it has, and how it is made.
 *
 * Physical columns are those of the program's step, in order, then pgt_hash (identity.hpp).
 * The heap belongs to the stream table's owner and depends on the foreign table
 * INTERNALly, so that it goes with it and cannot be dropped, altered or reached by hand.
 * Its owner has no privilege on it: a heap has columns that the stream table does not show.
 *
 * Heaps and indexes are made by PostgreSQL's C functions with the owner's rights, restricted: no utility statement, so no
 * event trigger; no setting of the session but the text settings of our own.
 */
#pragma once

#include "pg/internal_query.hpp"

#include "engine/program.hpp"

namespace pgtrickle::storage {

/* Creates the heap `relation_name` of `step` for the stream table `relid`, with its index
 * on pgt_hash and one for each column set by which later steps look rows up. `parts` are those of the program's query.
 * `tablespace`: InvalidOid is that of the database. Returns its OID. Throws PgError. */
Oid create_arrangement(Oid relid, const std::string &relation_name, const engine::Step &step, const QueryParts &parts,
                       Oid tablespace);

/* An empty list of privileges for a heap or an index: where there is none, its owner has all, and sees its statistics. A
 * PostgreSQL frame. */
void withhold_privileges(Oid relation);

/* Where CREATE TABLE would put a table of the stream table's owner in this session. Throws PgError (42501) where the owner may
 * not create anything there. */
Oid chosen_tablespace(Oid relid);
/* Of a heap; InvalidOid for that of the database. */
Oid tablespace_of(Oid heap);

/* Drops a heap made by create_arrangement. */
void drop_arrangement(Oid relid, Oid heap);

} // namespace pgtrickle::storage
