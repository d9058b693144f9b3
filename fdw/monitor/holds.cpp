/*
 * What holds stream tables back, as SQL functions: holds() for the stream tables that the user may see,
 * watermark_status() for the watermark groups. Neither names a source that the user may not see.
 */
#include "refresh/batch/holds.hpp"
#include "definition/state/extension_table.hpp"
#include "fdw/monitor/stream_table_list.hpp"
#include "fdw/sql/result_rows.hpp"
#include "pg/relation_name.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/builtins.h"
}

#include <algorithm>
#include <map>

namespace pgtrickle {

namespace {

/* Returns the earliest row of pgt_hold that is the reason of a hold; -1 for a hold that is part of a definition. */
int origin_of(const scheduler::Hold &hold, Oid relid, const definition::TableRows &all)
{
    using namespace refresh;
    using Kind = scheduler::Hold::Kind;
    const char *kind = hold.kind == Kind::drained        ? "drain"
                       : hold.kind == Kind::gated        ? "gate"
                       : hold.kind == Kind::not_advanced ? "watermark"
                                                         : "pause";
    Oid relation = hold.is_about_data() ? hold.culprit : hold.kind == Kind::paused ? relid : InvalidOid;
    const bool is_of_any = hold.kind == Kind::not_advanced && relation == InvalidOid;
    int origin = -1;
    for (int i = 0; hold.kind != Kind::frozen && i < all.count; i++) {
        auto is_text = [&](int column, const char *wanted) {
            return strcmp(TextDatumGetCString(all.value(i, column)), wanted) == 0;
        };
        const bool is_reason = (is_of_any || DatumGetObjectId(all.value(i, hold_relation)) == relation) && call([&] {
                                   return is_text(hold_kind, kind) && is_text(hold_group, hold.group.c_str());
                               });
        if (is_reason && (origin < 0 || DatumGetTimestampTz(all.value(i, hold_since)) <
                                            DatumGetTimestampTz(all.value(origin, hold_since))))
            origin = i;
    }
    return origin;
}

void add_row(Rows &rows, const Definition &definition, const scheduler::Hold &hold, const definition::TableRows &all)
{
    rows.text(definition.schema_name).text(definition.name).text(refresh::name_of(hold.kind));
    rows.text(refresh::sentence_of(hold));
    const bool is_shown = refresh::may_show_all(hold.sources);
    if (is_shown && hold.culprit != InvalidOid)
        rows.text(call([&] { return quoted_name_if_exists(hold.culprit); }));
    else
        rows.text(!is_shown || hold.group.empty() ? std::nullopt : std::optional(hold.group));
    const int origin = is_shown ? origin_of(hold, definition.relid, all) : -1;
    if (origin >= 0)
        rows.copy(all, origin, refresh::hold_since).copy(all, origin, refresh::hold_role).add();
    else
        rows.time(0).null().add();
}

void list_holds(FunctionCallInfo fcinfo)
{
    Rows rows(fcinfo);
    const definition::TableRows all = call([] { return definition::rows_of("pgt_hold"); });
    for (const StreamTableInfo &seen : visible_stream_tables())
        if (seen.hold)
            add_row(rows, seen.definition, *seen.hold, all);
}

/* Returns for each group the number of stream tables that are held because of it. */
std::map<std::string, int> count_waiting()
{
    std::map<std::string, int> counts;
    for (const StreamTableInfo &seen : all_stream_tables())
        if (seen.hold)
            counts[seen.hold->group]++;
    return counts;
}

void add_status(Rows &rows, const scheduler::Holds &holds, const scheduler::WatermarkGroup &group, int waiting)
{
    Oid laggard = InvalidOid;
    std::optional<TimestampTz> advanced = scheduler::advanced_to(holds, group, &laggard);
    std::optional<TimestampTz> least, greatest;
    int with_watermark = 0;
    for (Oid source : group.sources)
        if (auto found = holds.watermarks.find(source); found != holds.watermarks.end()) {
            with_watermark++;
            least = std::min(least.value_or(found->second), found->second);
            greatest = std::max(greatest.value_or(found->second), found->second);
        }
    auto time = [&](const std::optional<TimestampTz> &value) {
        value ? rows.datum(TimestampTzGetDatum(*value), TIMESTAMPTZOID) : rows.null();
    };
    rows.text(group.name);
    time(advanced);
    time(least);
    time(greatest);
    least ? rows.real((static_cast<double>(*greatest) - static_cast<double>(*least)) / 1e6) : rows.null();
    rows.text(call([=] { return quoted_name_if_exists(laggard); }));
    const auto total = static_cast<int>(group.sources.size());
    rows.integer(waiting).boolean(advanced.has_value()).integer(total).integer(with_watermark).add();
}

void list_watermark_status(FunctionCallInfo fcinfo)
{
    Rows rows(fcinfo);
    scheduler::Holds holds = refresh::read_holds();
    std::map<std::string, int> waiting = count_waiting();
    for (const scheduler::WatermarkGroup &group : holds.groups)
        if (refresh::may_show_all(group.sources))
            add_status(rows, holds, group, waiting[group.name]);
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_holds)
{
    pgtrickle::list_holds(fcinfo);
    return 0;
}

SQL_FUNCTION(pgtrickle_watermark_status)
{
    pgtrickle::list_watermark_status(fcinfo);
    return 0;
}
