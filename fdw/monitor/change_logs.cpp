/*
 * Sources, their change logs and the triggers that write them, for SQL. A source is shown to roles that may
 * see a stream table that reads it. Its triggers, and the names of all stream tables that use them, are also
 * shown to the owner of the relation that has the trigger.
 */
#include "capture/log/log_state.hpp"
#include "capture/log/pending.hpp"
#include "capture/permission.hpp"
#include "capture/source/source_kind.hpp"
#include "capture/source/source_rows.hpp"
#include "capture/source/unlogged_sentinel.hpp"
#include "capture/triggers/trigger_setup.hpp"
#include "definition/state/frontier.hpp"
#include "definition/state/state.hpp"
#include "definition/visibility.hpp"
#include "fdw/monitor/stream_table_list.hpp"
#include "fdw/sql/result_rows.hpp"
#include "pg/relation_name.hpp"
#include "pg/relation_row.hpp"
#include "pg/versions/rights.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

#include <map>

namespace pgtrickle {

namespace {

/* Returns the requested stream tables: one, or all, which takes long if there are thousands. */
std::vector<StreamTableInfo> asked_for(FunctionCallInfo fcinfo)
{
    if (PG_NARGS() == 0 || PG_ARGISNULL(0))
        return visible_stream_tables();
    std::optional<StreamTableInfo> seen = look_at(PG_GETARG_OID(0));
    return seen && seen->may_see ? std::vector<StreamTableInfo>{*seen} : std::vector<StreamTableInfo>();
}

std::map<Oid, SourceKind> sources_of(const std::vector<StreamTableInfo> &dependents)
{
    std::map<Oid, SourceKind> sources;
    for (const StreamTableInfo &seen : dependents)
        for (const Source &source : seen.definition.sources)
            sources[source.relid] = source.kind;
    return sources;
}

/* Returns whether the source is captured for one of `dependents`. */
bool is_captured_for(const std::vector<StreamTableInfo> &dependents, Oid source)
{
    for (const StreamTableInfo &seen : dependents)
        for (const Source &read : seen.definition.sources)
            if (read.relid == source && read.is_captured)
                return true;
    return false;
}

/* Returns false for a source that has just been dropped. PostgreSQL frame. */
bool is_there(Oid relation)
{
    return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relation));
}

struct LogState {
    bool is_there;
    bool is_captured;
    int64 bytes;
    const char *damage; /* null: none */
};

/* Reads the state of a source's change log. PostgreSQL frame. */
LogState log_state_of(Oid source)
{
    LogState seen = {is_there(source), false, 0, nullptr};
    capture::SourceRow row;
    if (!seen.is_there || !capture::find_source(source, &row))
        return seen;
    seen.is_captured = true;
    seen.bytes = capture::log_size(source);
    if (capture::is_sentinel_missing(source))
        seen.damage = capture::emptied_by_a_crash;
    ListCell *cell;
    if (!definition::is_stream_table(source))
        foreach (cell, capture::triggers_of(source))
            if (!static_cast<capture::TriggerStatus *>(lfirst(cell))->fires_always)
                seen.damage = "its capture triggers are missing or disabled";
    return seen;
}

bool owns(Oid relation)
{
    return call([=] { return is_there(relation) && owns_relation(relation); });
}

/* Returns the tables that may have capture triggers, and whether the user may see a stream table that reads
 * them. */
std::map<Oid, bool> captured_tables()
{
    std::map<Oid, bool> tables;
    List *captured = call([] { return capture::captured_sources(); });
    for (int i = 0; i < list_length(captured); i++)
        if (Oid source = list_nth_oid(captured, i); call([=] { return is_there(source) && capture::is_table(source); }))
            tables[source] = false;
    for (const auto &[source, kind] : sources_of(visible_stream_tables()))
        if (kind == SourceKind::table)
            tables[source] = true;
    return tables;
}

/* Adds the stream tables that read the log of `source`, and their owners: all if the user owns the source,
 * otherwise the ones that the user may see. */
void add_dependents(Rows &rows, Oid source, bool is_owner)
{
    std::vector<std::string> names, owners;
    List *dependents = call([=] { return state::log_dependents_of(source); });
    for (int i = 0; i < list_length(dependents); i++) {
        const Oid dependent = list_nth_oid(dependents, i);
        if (!call([=] { return is_there(dependent) && (is_owner || may_see(dependent)); }))
            continue;
        const char *name = call([=] { return quoted_name_if_exists(dependent); });
        const char *owner = call([=] { return GetUserNameFromId(owner_of_relation(dependent, true), true); });
        if (name == nullptr || owner == nullptr)
            continue;
        names.emplace_back(name);
        owners.emplace_back(owner);
    }
    rows.texts(names).texts(owners);
}

void add_triggers(Rows &rows, Oid source, bool is_seen)
{
    List *triggers = call([=] { return capture::triggers_of(source); });
    for (int i = 0; i < list_length(triggers); i++) {
        auto *trigger = static_cast<capture::TriggerStatus *>(list_nth(triggers, i));
        const bool is_owner = owns(trigger->relation) || owns(source);
        if (!is_seen && !is_owner)
            continue;
        rows.oid(source).oid(trigger->relation).text(trigger->name).text(trigger->event);
        rows.boolean(trigger->is_for_rows).boolean(trigger->is_there).boolean(trigger->fires_always);
        add_dependents(rows, source, is_owner);
        rows.add();
    }
}

void add_pending(Rows &rows, const StreamTableInfo &dependent, Oid source)
{
    rows.oid(dependent.definition.relid).oid(source);
    if (dependent.age.is_clean || dependent.state.frontier.empty()) {
        rows.number(0).number(0).boolean(dependent.state.frontier.empty()).null().add();
        return;
    }
    Frontier frontier =
        Frontier::from_text(dependent.state.frontier.c_str(), dependent.state.own_xid, dependent.state.own_seq);
    capture::Pending pending = call([&] {
        Snapshot snapshot = RegisterSnapshot(latest_snapshot());
        capture::Pending counted = capture::pending_of(source, frontier, snapshot);
        UnregisterSnapshot(snapshot);
        return counted;
    });
    rows.number(pending.rows).number(pending.bytes).boolean(pending.has_marker || dependent.state.needs_reinit);
    bool is_pending = pending.rows > 0 || pending.has_marker;
    rows.time(is_pending ? dependent.age.pending_since : 0).add();
}

} // namespace

} // namespace pgtrickle

SQL_FUNCTION(pgtrickle_source_rows)
{
    using namespace pgtrickle;
    Rows rows(fcinfo);
    const std::vector<StreamTableInfo> dependents = asked_for(fcinfo);
    for (const auto &[source, kind] : sources_of(dependents)) {
        LogState log = call([source = source] { return log_state_of(source); });
        if (!log.is_there)
            continue;
        rows.oid(source)
            .text(name_of(kind))
            .boolean(log.is_captured && is_captured_for(dependents, source))
            .number(log.bytes)
            .text(log.damage);
        rows.number(static_cast<int64_t>(definition::dependents_of(source).size())).add();
    }
    return 0;
}

SQL_FUNCTION(pgtrickle_pending_rows)
{
    using namespace pgtrickle;
    Rows rows(fcinfo);
    for (const StreamTableInfo &seen : asked_for(fcinfo))
        for (const Source &source : seen.definition.sources)
            add_pending(rows, seen, source.relid);
    return 0;
}

SQL_FUNCTION(pgtrickle_trigger_rows)
{
    using namespace pgtrickle;
    Rows rows(fcinfo);
    for (const auto &[source, is_seen] : captured_tables())
        add_triggers(rows, source, is_seen);
    return 0;
}
