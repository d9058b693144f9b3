/*
 * The state of all stream tables that the user may see, for the views over it; and the effects of their
 * refreshes, accumulated since counting began.
 */
#include "catalog/tables/history.hpp"
#include "definition/options.hpp"
#include "fdw/monitor/stream_table_list.hpp"
#include "fdw/sql/result_rows.hpp"
#include "refresh/batch/holds.hpp"

#include <set>

SQL_FUNCTION(pgtrickle_stream_table_states)
{
    using namespace pgtrickle;
    Rows rows(fcinfo);
    for (const StreamTableInfo &seen : visible_stream_tables()) {
        const Definition &definition = seen.definition;
        rows.oid(definition.relid).text(definition.schema_name).text(definition.name).text(seen.shown_status());
        rows.text(options::name_of(definition.mode)).text(definition.schedule_text).boolean(seen.state.is_populated);
        rows.boolean(seen.state.needs_reinit).integer(seen.state.consecutive_errors).time(seen.age.data_timestamp);
        rows.interval(seen.age.staleness_us).boolean(seen.is_late);
        seen.hold ? rows.text(refresh::sentence_of(*seen.hold)) : rows.null();
        rows.time(seen.state.last_refresh_at);
        rows.boolean(seen.may_see_texts).datum(TransactionIdGetDatum(seen.state.written_by), XIDOID);
        rows.boolean(seen.state.needs_setup);
        const bool has_duration =
            definition.schedule.kind == scheduler::Schedule::Kind::duration && !rules_of(definition.mode).is_immediate;
        has_duration ? rows.number(definition.schedule.seconds) : rows.null();
        rows.add();
    }
    return 0;
}

SQL_FUNCTION(pgtrickle_statistics_rows)
{
    using namespace pgtrickle;
    Rows rows(fcinfo);
    std::set<Oid> visible;
    for (const StreamTableInfo &seen : visible_stream_tables())
        visible.insert(seen.definition.relid);
    for (const catalog::Statistics &row : catalog::read_statistics()) {
        if (visible.count(row.relid) == 0)
            continue;
        auto ms = [](int64_t microseconds) { return static_cast<double>(microseconds) / 1000.0; };
        rows.oid(row.relid)
            .text(name_of(row.action))
            .number(row.refreshes)
            .number(row.failures)
            .number(row.rows_inserted);
        rows.number(row.rows_deleted).number(row.delta_rows).real(ms(row.total_us)).real(ms(row.max_us));
        rows.real(ms(row.last_us)).time(row.first_at).time(row.completed_at).time(row.failed_at).add();
    }
    return 0;
}
