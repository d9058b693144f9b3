/*
 * The newest snapshot that a statement of a READ COMMITTED transaction has got after its barrier.
 *
 * PostgreSQL executes the statements in one call of an SQL function under one snapshot, and so those that rules make of
 * one statement, and the functions that one expression of PL/pgSQL calls. When one of them passes to a newer snapshot,
 * the next ones must not see less than it did: they get a new one, too, whatever they read.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "utils/snapshot.h"
}

namespace pgtrickle {

/* Notes the snapshot of a statement of this transaction. */
void note_snapshot(Snapshot snapshot);
/* Whether a noted one is newer: it sees transactions as ended that `snapshot` sees as running, or not at all. */
bool is_newer_noted(Snapshot snapshot);

} // namespace pgtrickle
