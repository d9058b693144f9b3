/*
 * The stream tables and their state: pgt_stream_tables, pgt_status and functions for a single one. State is
 * read as of now, not as of the caller's snapshot, so that changes by its own transaction are visible.
 */
#include "catalog/tables/history.hpp"
#include "definition/definition.hpp"
#include "definition/options.hpp"
#include "definition/visibility.hpp"
#include "fdw/monitor/limit_clause.hpp"
#include "fdw/monitor/stream_table_list.hpp"
#include "fdw/sql/arguments.hpp"
#include "fdw/sql/json_text.hpp"
#include "fdw/sql/result_rows.hpp"
#include "refresh/effective_mode.hpp"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_index.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
}

#include <algorithm>
#include <climits>
#include <map>

namespace pgtrickle {

namespace {

/* Takes no lock on the source, because another transaction may hold one for long. */
bool is_keyless(Oid source)
{
    Relation indexes = table_open(IndexRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_index_indrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(source));
    SysScanDesc scan = systable_beginscan(indexes, IndexIndrelidIndexId, true, nullptr, 1, &key);
    bool has_key = false;
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan)))
        has_key |= reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple))->indisprimary;
    systable_endscan(scan);
    table_close(indexes, AccessShareLock);
    return !has_key;
}

bool has_keyless_source(const Definition &definition)
{
    for (const Source &source : definition.sources)
        if (source.kind == SourceKind::table && call([=] { return is_keyless(source.relid); }))
            return true;
    return false;
}

Datum frontier_of(const state::StateRow &row)
{
    return as_jsonb(JsonObject()
                        .text("snapshot", row.frontier)
                        .number("own_xid", static_cast<int64_t>(row.own_xid))
                        .number("own_seq", row.own_seq)
                        .written());
}

/* The last error, if no refresh has succeeded since. */
struct Past {
    std::optional<std::string> error_message;
    TimestampTz error_at = 0;
};

std::map<Oid, Past> pasts()
{
    std::map<Oid, int64_t> completed_at;
    std::map<Oid, Past> pasts;
    for (const catalog::Statistics &row : catalog::read_statistics()) {
        Past &past = pasts[row.relid];
        if (row.failed_at > past.error_at) {
            past.error_at = row.failed_at;
            past.error_message = row.error_message;
        }
        completed_at[row.relid] = std::max(completed_at[row.relid], row.completed_at);
    }
    for (auto &[relid, past] : pasts)
        if (past.error_at <= completed_at[relid]) {
            past.error_at = 0;
            past.error_message.reset();
        }
    return pasts;
}

void add_row(Rows &rows, const StreamTableInfo &seen, const Past &past)
{
    const Definition &definition = seen.definition;
    const state::StateRow &row = seen.state;
    const bool with_texts = seen.may_see_texts;
    auto if_allowed = [&](const std::string &value) {
        return with_texts ? std::optional<std::string>(value) : std::nullopt;
    };
    rows.number(definition.relid).oid(definition.relid).text(definition.name).text(definition.schema_name);
    rows.text(if_allowed(definition.query)).text(if_allowed(definition.original_query));
    rows.text(definition.schedule_text).text(options::name_of(definition.mode)).text(state::name_of(row.status));
    rows.boolean(row.is_populated).time(seen.age.data_timestamp);
    row.frontier.empty() ? rows.null() : rows.datum(frontier_of(row), JSONBOID);
    rows.time(row.last_refresh_at).integer(row.consecutive_errors).boolean(row.needs_reinit);
    FirstRows first = first_rows_of(definition.query);
    auto small = [&](const std::optional<int64_t> &number) {
        number &&*number <= INT_MAX ? rows.integer(static_cast<int32_t>(*number)) : rows.null();
    };
    small(first.limit);
    rows.text(first.order_by ? if_allowed(*first.order_by) : std::nullopt);
    small(first.offset);
    for (const char *name : {"diamond_consistency", "diamond_schedule_policy"})
        rows.text(options::value_of(definition, name));
    rows.boolean(has_keyless_source(definition)).null().text(options::value_of(definition, "tier"));
    rows.text(options::name_of(refresh::effective_mode(definition, row)));
    bool has_own = !row.last_error_message.empty();
    if (!with_texts)
        rows.null();
    else if (has_own)
        rows.text(row.last_error_message);
    else
        rows.text(past.error_message);
    rows.time(has_own ? row.last_error_at : past.error_at).time(row.created_at).time(row.updated_at);
    definition.partition_by.is_partitioned() ? rows.text(definition.partition_by.text()) : rows.null();
    rows.add();
}

state::StateRow state_of(FunctionCallInfo fcinfo, Oid *relid)
{
    std::string name = required_text(fcinfo, 0, "name");
    *relid = call([&] { return visible_stream_table(name.c_str()); });
    state::StateRow row;
    state::read(*relid, &row);
    return row;
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_stream_table_rows)
{
    using namespace pgtrickle;
    Rows rows(fcinfo);
    std::map<Oid, Past> past = pasts();
    for (const StreamTableInfo &seen : visible_stream_tables())
        add_row(rows, seen, past[seen.definition.relid]);
    return 0;
}

SQL_FUNCTION(pgtrickle_pgt_status)
{
    using namespace pgtrickle;
    Rows rows(fcinfo);
    for (const StreamTableInfo &seen : visible_stream_tables()) {
        rows.text(seen.name()).text(seen.shown_status()).text(options::name_of(seen.definition.mode));
        rows.boolean(seen.state.is_populated).integer(seen.state.consecutive_errors);
        rows.text(seen.definition.schedule_text).time(seen.age.data_timestamp).interval(seen.age.staleness_us);
        rows.null().add();
    }
    return 0;
}

SQL_FUNCTION(pgtrickle_get_staleness)
{
    using namespace pgtrickle;
    Oid relid;
    state::StateRow row = state_of(fcinfo, &relid);
    Age age = age_of(relid, row);
    if (!age.staleness_us)
        PG_RETURN_NULL();
    PG_RETURN_FLOAT8(static_cast<double>(*age.staleness_us) / 1e6);
}

SQL_FUNCTION(pgtrickle_data_timestamp)
{
    using namespace pgtrickle;
    Oid relid;
    state::StateRow row = state_of(fcinfo, &relid);
    Age age = age_of(relid, row);
    if (age.data_timestamp == 0)
        PG_RETURN_NULL();
    PG_RETURN_TIMESTAMPTZ(age.data_timestamp);
}
