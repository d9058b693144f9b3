#include "refresh/history.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

#include <algorithm>
#include <climits>

namespace pgtrickle {

std::string kept_text(const char *text)
{
    constexpr int longest = 8192;
    const size_t length = strlen(text);
    if (length <= longest)
        return text;
    return std::string(text, pg_mbcliplen(text, static_cast<int>(std::min<size_t>(length, INT_MAX)), longest)) + "...";
}

catalog::Refresh history_row(const refresh::Outcome &outcome, catalog::InitiatedBy initiated_by)
{
    catalog::Refresh row;
    row.relid = outcome.relid;
    row.data_timestamp = outcome.data_timestamp;
    row.started_at = outcome.started_at;
    row.ended_at = outcome.ended_at;
    row.action = outcome.action;
    row.status = catalog::RefreshStatus::completed;
    row.initiated_by = initiated_by;
    row.rows_inserted = outcome.rows_inserted;
    row.rows_deleted = outcome.rows_deleted;
    row.delta_rows = outcome.delta_rows;
    row.was_full_fallback = outcome.was_full_fallback;
    row.is_fill = outcome.is_fill;
    row.reason = outcome.reason;
    row.generation = outcome.generation;
    row.measured = outcome.measured;
    return row;
}

catalog::Refresh failed_history_row(Oid relid, refresh::Action action, TimestampTz started_at,
                                    catalog::InitiatedBy initiated_by, const char *message)
{
    catalog::Refresh row;
    row.relid = relid;
    row.started_at = started_at;
    row.ended_at = GetCurrentTimestamp();
    row.action = action;
    row.status = catalog::RefreshStatus::failed;
    row.initiated_by = initiated_by;
    if (message != nullptr)
        row.error_message = kept_text(message);
    return row;
}

void record_in_history(const refresh::Outcome &outcome, catalog::InitiatedBy initiated_by)
{
    catalog::append_history_at_end(history_row(outcome, initiated_by));
}

void record_failure_in_history(Oid relid, TimestampTz started_at, catalog::InitiatedBy initiated_by,
                               const PgError &error)
{
    const auto *of_member = dynamic_cast<const refresh::MemberError *>(&error);
    catalog::append_history_at_end(
        of_member != nullptr
            ? failed_history_row(of_member->relid, of_member->action, started_at, initiated_by,
                                 of_member->whole->message)
            : failed_history_row(relid, refresh::Action::skip, started_at, initiated_by, error.data->message));
}

void record_left_out(const refresh::SkippedMembers &skipped, TimestampTz started_at, catalog::InitiatedBy initiated_by)
{
    for (const refresh::MemberError &error : skipped.failed)
        record_failure_in_history(error.relid, started_at, initiated_by, error);
}

} // namespace pgtrickle
