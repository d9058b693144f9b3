/*
 * The planner's statistics of a stream table's columns are those of its storage.
 *
 * A role has no privilege on a storage, so PostgreSQL would keep its statistics from every operator that is not leakproof. The
 * privilege that counts is the one on the stream table: of a column that the role may SELECT there, an operator may see what
 * the statistics hold, and of a hidden column only what a refresh evaluates, as the owner in a restricted operation.
 */
#pragma once

namespace pgtrickle {

/* Installs get_relation_stats_hook and get_index_stats_hook. Called once, by _PG_init. */
void register_statistics();

} // namespace pgtrickle
