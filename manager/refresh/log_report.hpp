/*
 * Reports of refreshes in the server's log.
 */
#pragma once

#include "refresh/batch/batch.hpp"

namespace pgtrickle::refresh {

/* Writes a line for each member that took pg_trickle.log_min_duration or longer. C++ frame. */
void report(const Batch &batch);

} // namespace pgtrickle::refresh
