/*
 * The rows of the history. Refreshes that a user's statement runs are recorded even if the transaction does not
 * commit.
 */
#pragma once

#include "catalog/tables/history.hpp"
#include "refresh/refresh.hpp"

namespace pgtrickle {

/* All functions are C++ frames. */
catalog::Refresh history_row(const refresh::Outcome &outcome, catalog::InitiatedBy initiated_by);
/* The row of a refresh of `relid` that failed just now. */
catalog::Refresh failed_history_row(Oid relid, refresh::Action action, TimestampTz started_at,
                                    catalog::InitiatedBy initiated_by, const char *message);
void record_in_history(const refresh::Outcome &outcome, catalog::InitiatedBy initiated_by);
/* Records the members that a refresh which succeeded has left out because they failed. */
void record_left_out(const refresh::SkippedMembers &skipped, TimestampTz started_at, catalog::InitiatedBy initiated_by);
/* Records a failed refresh of `relid`, under the member that failed if that is another stream table. */
void record_failure_in_history(Oid relid, TimestampTz started_at, catalog::InitiatedBy initiated_by,
                               const PgError &error);

/* Returns the text of an error as it is kept and logged: the first 8 kB, whole characters. A query may raise one of any
 * length, and all databases share a catalog. */
std::string kept_text(const char *text);

} // namespace pgtrickle
