/*
 * How stream tables are refreshed, why, and what it costs. The catalog file contains the measured costs.
 */
#include "catalog/tables/history.hpp"
#include "definition/definition.hpp"
#include "definition/options.hpp"
#include "definition/texts.hpp"
#include "definition/visibility.hpp"
#include "fdw/sql/arguments.hpp"
#include "fdw/sql/json_text.hpp"
#include "fdw/sql/result_rows.hpp"
#include "pg/attempt.hpp"
#include "pg/settings.hpp"
#include "refresh/code/interpreted_code.hpp"
#include "refresh/effective_mode.hpp"
#include "refresh/request/audience.hpp"
#include "refresh/request/request.hpp"
#include "refresh/run/base_rows.hpp"
#include "scheduler/cost/recommendation.hpp"
#include "setup/capture_objection.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "storage/lmgr.h"
#include "utils/fmgrprotos.h"
}

#include <cmath>

namespace pgtrickle {

namespace {

/* Returns the reason why a source may not be captured, so that only full refreshes are possible although the
 * query has deltas; empty if there is none. */
std::string denial_to(const Definition &definition)
{
    for (const Source &source : definition.sources)
        if (const auto denied = setup::capture_objection(source.relid, definition.owner, source.is_captured))
            return denied->construct + ". " + denied->why;
    return "";
}

/* Returns the reason why the query cannot be maintained by deltas; empty if it can. Also used for a query
 * whose mode is FULL. The query of one whose code this session may not run is not looked at. One that cannot be
 * analyzed any more, as its owner may have arranged, keeps no other from being listed. Nothing is kept locked: a role
 * that may see the stream table need not be permitted to lock what its query reads. */
std::string objection_to(const Definition &definition)
{
    std::string reason;
    if (!refresh::may_run_here(definition.relid)) {
        reason = denial_to(definition);
        return reason.empty() ? "its query may run code of its owner, and is not looked at in this session" : reason;
    }
    const auto failure = attempt([&] {
        without_keeping_locks([&] {
            refresh::for_stream_table(definition.relid, "explain", [&] {
                Query *query = call([&] { return definition::query_of(definition.relid); });
                auto translated = translate::translate(query, definition.owner);
                const auto *objection = std::get_if<translate::Objection>(&translated);
                reason = objection != nullptr ? objection->construct + ". " + objection->why : denial_to(definition);
            });
        });
    });
    if (failure && failure->sqlstate == ERRCODE_LOCK_NOT_AVAILABLE)
        return "its query is not looked at, as another transaction has locked what it reads";
    return failure ? failure->message : reason;
}

struct ModeInForce {
    RefreshMode mode;
    std::optional<std::string> why; /* if full, though the definition does not say so; may quote the query */
};

/* Returns the mode in which the stream table is refreshed. The caller holds a lock on the stream table. */
ModeInForce mode_in_force(const Definition &definition)
{
    state::StateRow row;
    state::read(definition.relid, &row);
    const RefreshMode mode = refresh::effective_mode(definition, row);
    if (mode == definition.mode || mode != RefreshMode::full)
        return {mode, std::nullopt};
    std::string why = rules_of(definition.mode).may_fall_back ? objection_to(definition) : denial_to(definition);
    if (why.empty())
        if (const auto last = catalog::read_last_choice(definition.relid); last && last->was_full_fallback)
            why = last->reason;
    return {mode, why.empty() ? std::nullopt : std::optional(why)};
}

/* The counters of a stream table. */
struct Counts {
    catalog::Statistics delta, full;
    TimestampTz last_at = 0;

    int64_t fulls() const { return full.refreshes - full.fills; }
};

Counts counts_of(const std::vector<catalog::Statistics> &all, Oid relid)
{
    Counts counts;
    for (const catalog::Statistics &row : all) {
        if (row.relid != relid)
            continue;
        if (row.action == refresh::Action::differential)
            counts.delta = row;
        else if (row.action == refresh::Action::full)
            counts.full = row;
        counts.last_at = std::max(counts.last_at, row.completed_at);
    }
    return counts;
}

double average(double total, int64_t count)
{
    return count > 0 ? total / static_cast<double>(count) : 0;
}

scheduler::Signals signals_of(const Definition &definition, const Counts &counts)
{
    scheduler::Signals signals;
    signals.configured = definition.mode;
    signals.deltas = counts.delta.refreshes;
    signals.fulls = counts.fulls();
    signals.fills = counts.full.fills;
    signals.delta_us = average(static_cast<double>(counts.delta.total_us), signals.deltas);
    signals.full_us = average(static_cast<double>(counts.full.total_us - counts.full.fill_us), signals.fulls);
    signals.fill_us = average(static_cast<double>(counts.full.fill_us), signals.fills);
    signals.longest_delta_us = static_cast<double>(counts.delta.max_us);
    signals.changed_rows = average(static_cast<double>(counts.delta.delta_rows), signals.deltas);
    signals.base_rows = refresh::known_base_rows(definition);
    signals.stored_rows = call([&] { return refresh::known_rows(storage::storage_of(definition.relid)); });
    double written = static_cast<double>(counts.full.rows_inserted + counts.full.rows_deleted);
    /* Each fill is assumed to have written as many rows as are stored now. */
    written -= static_cast<double>(signals.fills) * signals.stored_rows;
    signals.written_rows = average(std::max(written, 0.0), signals.fulls);
    return signals;
}

/* Visits the stream tables that the user may see. Waits for no transaction that alters one or has locked what it reads,
 * and keeps none locked: a role that may see one need not be permitted to lock it. */
template <class Visit> void visit_visible(Visit visit)
{
    const BriefWaits brief;
    for (Oid relid : definition::all()) {
        if (!call([=] { return may_see(relid) && ConditionalLockRelationOid(relid, AccessShareLock); }))
            continue;
        if (const std::optional<Definition> definition = definition::load_if_exists(relid))
            visit(*definition);
        call([=] { UnlockRelationOid(relid, AccessShareLock); });
    }
}

JsonObject times_of(int64_t refreshes, double average_us)
{
    JsonObject times;
    times.number("refreshes", refreshes);
    return refreshes > 0 ? times.real("avg_ms", average_us / 1000) : times.null("avg_ms");
}

Datum signals_as_jsonb(const scheduler::Signals &signals)
{
    JsonObject object;
    auto add = [&](const char *name, double number) { number > 0 ? object.real(name, number) : object.null(name); };
    object.object("differential", times_of(signals.deltas, signals.delta_us));
    object.object("full", times_of(signals.fulls, signals.full_us));
    object.object("fill", times_of(signals.fills, signals.fill_us));
    add("dearest_differential_ms", signals.longest_delta_us / 1000);
    add("changed_rows", signals.changed_rows);
    add("source_rows", signals.base_rows);
    add("change_ratio", signals.change_ratio());
    return as_jsonb(object.written());
}

void add_recommendation(Rows &rows, const Definition &definition, const std::vector<catalog::Statistics> &all)
{
    bool with_texts = call([&] { return definition::may_see_texts(definition.relid); });
    scheduler::Signals signals = signals_of(definition, counts_of(all, definition.relid));
    signals.objection = objection_to(definition);
    const ModeInForce in_force = mode_in_force(definition);
    scheduler::Recommendation recommendation = scheduler::recommend(signals);
    rows.text(definition.schema_name)
        .text(definition.name)
        .text(options::name_of(signals.configured))
        .text(options::name_of(in_force.mode));
    rows.text(options::name_of(recommendation.mode)).text(recommendation.confidence);
    rows.text(with_texts || signals.objection.empty() ? recommendation.reason : "it cannot be maintained by deltas");
    rows.datum(signals_as_jsonb(signals), JSONBOID).add();
}

Rows &real_or_null(Rows &rows, double number)
{
    return number > 0 ? rows.real(std::stod(six_digits(number))) : rows.null();
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_explain_refresh_mode)
{
    using namespace pgtrickle;
    std::string name = required_text(fcinfo, 0, "name");
    Oid relid = call([&] { return locked_stream_table(visible_stream_table, name.c_str(), AccessShareLock); });
    Rows rows(fcinfo);
    Definition definition = definition::load(relid);
    ModeInForce in_force = mode_in_force(definition);
    if (in_force.why && !call([=] { return definition::may_see_texts(relid); }))
        in_force.why = "hidden: visible to the owner and pg_monitor only";
    rows.text(options::name_of(definition.mode)).text(options::name_of(in_force.mode)).text(in_force.why).add();
    return 0;
}

SQL_FUNCTION(pgtrickle_recommend_refresh_mode)
{
    using namespace pgtrickle;
    std::optional<std::string> name = text_argument(fcinfo, 0);
    Oid relid = InvalidOid;
    if (name)
        relid = call([&] { return locked_stream_table(visible_stream_table, name->c_str(), AccessShareLock); });
    Rows rows(fcinfo);
    std::vector<catalog::Statistics> all = catalog::read_statistics();
    if (name)
        add_recommendation(rows, definition::load(relid), all);
    else
        visit_visible([&](const Definition &definition) { add_recommendation(rows, definition, all); });
    return 0;
}

SQL_FUNCTION(pgtrickle_refresh_efficiency)
{
    using namespace pgtrickle;
    Rows rows(fcinfo);
    std::vector<catalog::Statistics> all = catalog::read_statistics();
    visit_visible([&](const Definition &definition) {
        Counts counts = counts_of(all, definition.relid);
        scheduler::Signals signals = signals_of(definition, counts);
        double full_us = signals.full_or_fill_us();
        rows.text(definition.schema_name).text(definition.name).text(options::name_of(signals.configured));
        rows.number(signals.deltas + signals.fulls).number(signals.deltas).number(signals.fulls);
        real_or_null(real_or_null(rows, signals.delta_us / 1000), full_us / 1000);
        real_or_null(rows, signals.deltas > 0 ? signals.change_ratio() : 0);
        real_or_null(rows, signals.delta_us > 0 ? full_us / signals.delta_us : 0);
        rows.time(counts.last_at).add();
    });
    return 0;
}
