#include "refresh/log_report.hpp"

#include "definition/guc.hpp"

namespace pgtrickle::refresh {

namespace {

std::string work_of(const Outcome &outcome)
{
    std::string text = std::to_string(outcome.delta_rows) + " changes applied, " +
                       std::to_string(outcome.rows_inserted) + " rows inserted, " +
                       std::to_string(outcome.rows_deleted) + " rows deleted";
    return outcome.was_full_fallback ? text + ", in full rather than by deltas" : text;
}

} // namespace

void report(const Batch &batch)
{
    if (guc::log_min_duration_ms < 0)
        return;
    for (const Member &member : batch.members) {
        const Outcome &outcome = member.outcome;
        int64_t took_us = outcome.ended_at - outcome.started_at;
        if (took_us < static_cast<int64_t>(guc::log_min_duration_ms) * 1000)
            continue;
        std::string work = work_of(outcome);
        call([&] {
            ereport(LOG_SERVER_ONLY,
                    (errmsg("refresh of stream table \"%s.%s\": %s, %.3f ms",
                            member.compiled->definition.schema_name.c_str(), member.compiled->definition.name.c_str(),
                            name_of(outcome.action), static_cast<double>(took_us) / 1000.0),
                     errdetail("%s", work.c_str()), errhidestmt(true), errhidecontext(true)));
        });
    }
}

} // namespace pgtrickle::refresh
