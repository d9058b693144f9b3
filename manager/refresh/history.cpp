#include "refresh/history.hpp"

#include "catalog/tables/history.hpp"

namespace pgtrickle {

void note_refresh(const refresh::Outcome &outcome, const char *initiated_by)
{
    catalog::Refresh entry;
    entry.relid = outcome.relid;
    entry.data_timestamp = outcome.data_timestamp;
    entry.started_at = outcome.started_at;
    entry.ended_at = outcome.ended_at;
    entry.action = refresh::name_of(outcome.action);
    entry.status = "COMPLETED";
    entry.initiated_by = initiated_by;
    entry.rows_inserted = outcome.rows_inserted;
    entry.rows_deleted = outcome.rows_deleted;
    entry.delta_rows = outcome.delta_rows;
    entry.was_full_fallback = outcome.was_full_fallback;
    entry.is_fill = outcome.is_fill;
    entry.reason = outcome.reason;
    entry.generation = outcome.generation;
    entry.measured = outcome.measured;
    catalog::append_history_at_end(entry);
}

void note_failed_refresh(Oid relid, TimestampTz started_at, const char *initiated_by, const PgError &error)
{
    const auto *of_member = dynamic_cast<const refresh::MemberError *>(&error);
    catalog::Refresh entry;
    entry.relid = of_member != nullptr ? of_member->relid : relid;
    entry.started_at = started_at;
    entry.ended_at = GetCurrentTimestamp();
    entry.action = refresh::name_of_attempt(of_member != nullptr ? of_member->action : refresh::Action::no_data);
    entry.status = "FAILED";
    entry.initiated_by = initiated_by;
    entry.error_message = (of_member != nullptr ? of_member->whole : error.data)->message;
    catalog::append_history_at_end(entry);
}

} // namespace pgtrickle
