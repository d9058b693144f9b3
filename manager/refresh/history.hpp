/*
 * Records refreshes that a user's statement runs in the history, even if the transaction does not commit.
 */
#pragma once

#include "refresh/refresh.hpp"

namespace pgtrickle {

/* C++ frames. `initiated_by` is MANUAL, INITIAL … */
void note_refresh(const refresh::Outcome &outcome, const char *initiated_by);
/* Records a failed refresh of `relid`, under the member that failed if that is another stream table. */
void note_failed_refresh(Oid relid, TimestampTz started_at, const char *initiated_by, const PgError &error);

} // namespace pgtrickle
