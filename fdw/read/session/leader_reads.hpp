/*
 * Passes to parallel workers what functions have to know that read there: how stream tables are read under the snapshot
 * (choices.hpp), what the session has read exactly (past_exact_reads.hpp), and which statements are in progress
 * (capture/triggers/open_statement.hpp).
 *
 * PostgreSQL copies settings to parallel workers, and nothing else that a library could use. So both are the value, as
 * text, of a setting that is not shown, and that only this file sets. What functions read in a worker, neither the
 * leader nor another worker learns.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "executor/execdesc.h"
}

namespace pgtrickle {

/* Defines the setting. Called once, by _PG_init. */
void define_leader_reads();

/* To be called before a statement with a parallel plan runs that may call functions that read. Returns a GUC nest
 * level, which the caller ends after the run; 0 if there is nothing to pass. */
int pass_reads_to_workers(const QueryDesc *query);

/* In a parallel worker, returns what was printed in the leader; otherwise "". */
const char *leader_reads();

} // namespace pgtrickle
