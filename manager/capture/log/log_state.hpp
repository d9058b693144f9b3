/*
 * The change log of a source as a whole: whether it is written, its locks, its size.
 * PostgreSQL frames.
 */
#pragma once

#include "pg/boundary.hpp"

namespace pgtrickle::capture {

/* Whether the changes of `source`, which is not compared, are logged now. */
bool is_logged(Oid source);

/* AccessShare on the segments of the log, to the end of the transaction. */
void lock_logs(Oid source);

/* Bytes of the log, its indexes and overflow included; 0 when there is none. What somebody else is dropping or emptying is not
 * waited for, and left out. */
int64 log_size(Oid source);

} // namespace pgtrickle::capture
