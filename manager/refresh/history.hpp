/*
 * Refreshes run by a statement of the user go into the history, whether its transaction commits or not.
 */
#pragma once

#include "refresh/refresh.hpp"

namespace pgtrickle {

/* C++ frames. initiated_by: MANUAL, INITIAL … */
void note_refresh(const refresh::Outcome &outcome, const char *initiated_by);
/* The failed refresh of `relid`: of the member that failed, if that is another. */
void note_failed_refresh(Oid relid, TimestampTz started_at, const char *initiated_by, const PgError &error);

} // namespace pgtrickle
