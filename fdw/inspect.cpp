/*
 * What stream tables there are and how they are: pgt_stream_tables, pgt_status and functions for one.
 * State is read as of now, not as of the caller's snapshot, so that what its own transaction did shows.
 */
#include "catalog/history.hpp"
#include "definition/definition.hpp"
#include "definition/options.hpp"
#include "fdw/age.hpp"
#include "fdw/arguments.hpp"
#include "fdw/rows.hpp"
#include "fdw/visibility.hpp"
#include "refresh/compiled.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "nodes/parsenodes.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/relcache.h"
#include "access/table.h"
}

namespace pgtrickle {

namespace {

bool is_keyless(Oid source)
{
    Relation relation = try_table_open(source, AccessShareLock);
    if (relation == nullptr)
        return false;
    RelationGetIndexList(relation);
    bool has_key = OidIsValid(relation->rd_pkindex);
    table_close(relation, AccessShareLock);
    return !has_key;
}

bool has_keyless_source(const Definition &definition)
{
    for (const Source &source : definition.sources)
        if (source.kind == SourceKind::table && call([=] { return is_keyless(source.relid); }))
            return true;
    return false;
}

Datum as_jsonb(const state::StateRow &row)
{
    std::string json = "{\"snapshot\": \"" + row.frontier + "\", \"own_xid\": " + std::to_string(row.own_xid) +
                       ", \"own_seq\": " + std::to_string(row.own_seq) + "}";
    return call([&] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.c_str())); });
}

/* The last refresh that did something, and the last error if nothing went well since. */
struct Past {
    std::optional<std::string> action;
    std::optional<std::string> way; /* FULL or DIFFERENTIAL, of the last refresh that was free to choose */
    std::optional<std::string> error_message;
    TimestampTz error_at = 0;
};

Past past_of(Oid relid, const state::StateRow &row)
{
    Past past;
    for (const catalog::Refresh &refresh : catalog::read_history(relid, 20)) {
        if (refresh.status == "FAILED" && !past.action && !past.error_message) {
            past.error_message = refresh.error_message;
            past.error_at = refresh.ended_at;
        }
        if (refresh.status != "COMPLETED")
            continue;
        if (!past.action)
            past.action = refresh.action;
        if (!past.way && refresh.initiated_by != "INITIAL" &&
            (refresh.action == "FULL" || refresh.action == "DIFFERENTIAL"))
            past.way = refresh.action;
    }
    return past;
}

/* How it is refreshed in fact: for AUTO as it was last time, or as it will be. A first fill, which
 * is always full, does not count. */
std::string effective_mode(const Definition &definition, const Past &past)
{
    if (definition.mode != RefreshMode::automatic)
        return options::name_of(definition.mode);
    if (past.way)
        return *past.way;
    return refresh::is_kept_by_deltas(definition) ? "DIFFERENTIAL" : "FULL";
}

void add_row(Rows &rows, const Definition &definition, const state::StateRow &row, bool with_texts)
{
    Oid relid = definition.relid;
    Past past = past_of(relid, row);
    auto if_allowed = [&](const std::string &value) {
        return with_texts ? std::optional<std::string>(value) : std::nullopt;
    };
    rows.number(relid).oid(relid).text(definition.name).text(definition.schema_name);
    rows.text(if_allowed(definition.query)).text(if_allowed(definition.original_query));
    rows.text(definition.schedule_text).text(options::name_of(definition.mode)).text(row.status);
    rows.boolean(row.is_populated).time(age_of(relid, row).data_timestamp);
    row.frontier.empty() ? rows.null() : rows.datum(as_jsonb(row));
    rows.time(row.last_refresh_at).integer(row.consecutive_errors).boolean(row.needs_reinit);
    rows.null().null().null(); /* topk_limit, topk_order_by, topk_offset */
    rows.text(definition.is_diamond_atomic ? "atomic" : "none");
    rows.text(definition.is_diamond_policy_slowest ? "slowest" : "fastest");
    rows.boolean(has_keyless_source(definition)).null().text("hot").text(effective_mode(definition, past));
    bool has_own = !row.last_error_message.empty();
    if (!with_texts)
        rows.null();
    else if (has_own)
        rows.text(row.last_error_message);
    else
        rows.text(past.error_message);
    rows.time(has_own ? row.last_error_at : past.error_at).time(row.created_at).time(row.updated_at);
    rows.add();
}

/* Calls `visit` with each stream table that the user may see, and its state. */
template <class Visit> void visit_visible(Visit visit)
{
    for (Oid relid : definition::all()) {
        state::StateRow row;
        /* It may have been dropped by another transaction meanwhile. */
        bool is_visible = call([=] { return definition::is_stream_table(relid) && may_see(relid); });
        if (is_visible && state::read(relid, &row))
            visit(definition::load(relid), row);
    }
}

state::StateRow state_of(FunctionCallInfo fcinfo, Oid *relid)
{
    std::string name = required_text(fcinfo, 0, "name");
    *relid = call([&] { return visible_stream_table(name.c_str()); });
    state::StateRow row;
    state::read(*relid, &row);
    return row;
}

Datum as_interval(int64_t microseconds)
{
    return call([=] {
        auto *interval = static_cast<Interval *>(palloc0(sizeof(Interval)));
        interval->time = microseconds;
        return IntervalPGetDatum(interval);
    });
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_stream_table_rows)
{
    using namespace pgtrickle;
    Rows rows(fcinfo);
    visit_visible([&](const Definition &definition, const state::StateRow &row) {
        add_row(rows, definition, row, call([&] { return may_see_texts(definition.relid); }));
    });
    return 0;
}

SQL_FUNCTION(pgtrickle_pgt_status)
{
    using namespace pgtrickle;
    Rows rows(fcinfo);
    visit_visible([&](const Definition &definition, const state::StateRow &row) {
        Age age = age_of(definition.relid, row);
        rows.text(definition.schema_name + "." + definition.name).text(row.status);
        rows.text(options::name_of(definition.mode)).boolean(row.is_populated).integer(row.consecutive_errors);
        rows.text(definition.schedule_text).time(age.data_timestamp);
        age.staleness_us ? rows.datum(as_interval(*age.staleness_us)) : rows.null();
        rows.null().add();
    });
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
