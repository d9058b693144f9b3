/*
 * The planner's statistics of a stream table's columns are those of its storage.
 */
#pragma once

namespace pgtrickle {

/* Installs get_relation_stats_hook. Called once, by _PG_init. */
void register_statistics();

} // namespace pgtrickle
