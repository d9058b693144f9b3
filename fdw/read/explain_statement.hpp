/*
 * What EXPLAIN says of the stream tables that a statement reads.
 */
#pragma once

namespace pgtrickle {

/* Installs the hook. Called once, by _PG_init. */
void register_explain();

} // namespace pgtrickle
