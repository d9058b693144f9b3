/*
 * Guard: what DDL does to sources behind the backs of their triggers.
 *
 *   DROP of a partition, DETACH                      marker for what was above it
 *   ATTACH, CREATE … PARTITION OF                    triggers on it; marker if it holds rows
 *   ENABLE, DISABLE TRIGGER of a capture trigger     marker
 *   ALTER TYPE of a column logged                    marker, and a format that fits
 *   DROP of a source                                 its rows in our tables go
 *   CREATE, ALTER SUBSCRIPTION that writes to it     marker, and refreshes fail
 *   DROP TRIGGER, DROP TABLE of what is ours         refused
 *   INHERIT to or from a source, SET UNLOGGED, a foreign partition of a source: refused
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::capture {

/* Chains the object access and utility hooks. */
void register_guard();

/* What happens between these is our own DDL: the guard looks away. An error ends it too. */
void begin_own_work();
void end_own_work();

} // namespace pgtrickle::capture
