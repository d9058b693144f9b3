/*
 * The changes that the row trigger of a relation logs.
 *
 * Each row is written once to each log:
 * - for a source captured by rows (routing.hpp), always by this trigger, whichever relation the statement
 *   names;
 * - for other sources by statement triggers, unless the worker of a subscription applies a change, which
 *   fires row triggers only. The worker also copies a table when the subscription begins, by a COPY, which is
 *   a statement and fires both kinds of triggers; an open statement distinguishes the two cases.
 *
 * Such a log takes a chunk per row. PostgreSQL frame.
 */
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include "commands/trigger.h"
}

namespace pgtrickle::capture {

void log_row_change(const TriggerData *trigger);

} // namespace pgtrickle::capture
