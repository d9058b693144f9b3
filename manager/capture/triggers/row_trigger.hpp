/*
 * What the row trigger of a relation logs.
 *
 * Each row is told once to each log:
 *   - a source captured by rows (routing.hpp) hears of it here, whoever writes and by whatever name;
 *   - the other sources hear of it by statement triggers, unless a subscription's worker applies a
 *     change: that fires row triggers only. The worker also copies a table when it begins to follow it,
 *     by a COPY, which is a statement and fires both; so an open statement tells the one from the other.
 *
 * Such a log takes a chunk a row. PostgreSQL frame.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "commands/trigger.h"
}

namespace pgtrickle::capture {

void log_row_change(const TriggerData *trigger);

} // namespace pgtrickle::capture
