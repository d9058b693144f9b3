/*
 * Whether the server has run without the library since it last ran with it.
 *
 * Without the library no hook sees a statement: a view or function that is replaced, a partition that is detached or a
 * materialized view that is refreshed changes what a stream table should contain, and nothing marks the stream table.
 * Each such run ends with another checkpoint than the one that the postmaster notes in pg_trickle/presence when it
 * ends. The next run with the library then notes the absence, and the manager of each database has all stream tables
 * set up again.
 *
 * Invariant: a run that could change definitions, and was not ours, lies between two of our runs only if
 *   - the file names the checkpoint at the end of our run, and the server's last checkpoint is another one, or the
 *     server has since been running; or
 *   - the file says that we are running, as after a crash or in a copy of a running server, and the server has been
 *     shut down.
 * A server in recovery changes no definition. A server that has crashed, was then run without the library, crashed
 * again, and is run with the library looks like one that has crashed once. Without the file nothing is known, and
 * no absence is noted.
 */
#pragma once

#include "pg/versions/postgres.hpp"

namespace pgtrickle::catalog {

/* Finds out whether the server has run without the library, and notes that it runs with the library from now on. Called
 * when shared memory is started. A PostgreSQL frame. */
void follow_presence();

/* As of the last absence that was noted: the position of the checkpoint at its end. 0: there was none. Set in the
 * postmaster, from which all processes inherit it. */
uint64 end_of_absence();

} // namespace pgtrickle::catalog
