/*
 * Guard: what DDL does to sources behind the backs of their triggers.
 *
 *   DROP of a partition or child, DETACH, NO INHERIT  marker for what was above it
 *   ATTACH, CREATE … PARTITION OF, INHERIT           triggers on it; marker if it holds rows
 *   ENABLE, DISABLE TRIGGER of a capture trigger     marker
 *   ALTER TYPE of a column logged                    marker, and a format that fits
 *   DROP of a source                                 its rows in our tables go
 *   CREATE, ALTER SUBSCRIPTION that writes to it     row triggers on what it writes to
 *   DROP of a capture trigger with what it needs     marker
 *   DROP TRIGGER, DROP TABLE of what is ours         refused
 *   a foreign or temporary partition or child of a source: refused
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
