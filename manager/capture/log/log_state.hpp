/*
 * The change log of a source as a whole: whether it is written, its locks, its size.
 *
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::capture {

/* Whether the changes of `source`, which is not a compared source, are logged now. */
bool is_logged(Oid source);

/* Takes AccessShare on the segments of the log, to the end of the transaction. */
void lock_logs(Oid source);

/* Returns the size of the log in bytes, including indexes and overflow; 0 if there is none. Does not wait for
 * a segment that another transaction is dropping or emptying, and does not count it. */
int64 log_size(Oid source);

} // namespace pgtrickle::capture
