/*
 * What a manager does after the server has run without the library (catalog/presence.hpp): all stream tables of the
 * database may contain what their queries do not, and are set up again.
 */
#pragma once

namespace pgtrickle::worker {

/* If the database has not been marked since the last absence, marks all its stream tables, in a transaction of its own.
 * Returns false if that failed. C++ frame; outside of transactions. */
bool mark_after_absence();

} // namespace pgtrickle::worker
