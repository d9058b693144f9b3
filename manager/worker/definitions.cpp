/*
 * Loading the definitions: the graph, the tasks, and their projection into the catalog.
 */
#include "catalog/process.hpp"
#include "definition/definition.hpp"
#include "definition/state.hpp"
#include "definition/time_zone.hpp"
#include "scheduler/piece.hpp"
#include "translate/translate.hpp"
#include "worker/manager.hpp"

extern "C" {
#include "storage/lmgr.h"
}

#include <algorithm>

namespace pgtrickle::worker {

struct LoadedState {
    bool is_populated = false;
    bool is_suspended = false;
    int failures = 0;
};

namespace {

constexpr TimestampTz reload_pause_us = 1'000'000;
/* What was counted later may be of a stream table made after the definitions were read. */
constexpr TimestampTz statistics_pause_us = 600'000'000;

struct Loaded {
    Known known;
    LoadedState state;
    scheduler::Ids sources;
    bool is_busy = false; /* somebody keeps a source locked: whether it is restless is not known */
};

/* Reading a query's views and sources takes locks, and nobody's long ALTER TABLE or TRUNCATE
 * may stop the manager. PostgreSQL frame. */
bool try_lock(Oid source)
{
    return ConditionalLockRelationOid(source, AccessShareLock);
}

Loaded load_one(Oid relid)
{
    Definition definition = definition::load(relid);
    state::StateRow row;
    Loaded loaded;
    if (state::read(relid, &row)) {
        loaded.known.generation = row.generation;
        loaded.known.status = row.status;
        loaded.state.is_populated = row.is_populated;
        loaded.state.is_suspended = row.status == state::name_of(state::Status::suspended);
        loaded.known.is_suspended = loaded.state.is_suspended;
        loaded.state.failures = row.consecutive_errors;
    }
    loaded.known.schema_name = definition.schema_name;
    loaded.known.name = definition.name;
    loaded.known.schedule_text = definition.schedule_text;
    loaded.known.schedule = definition.schedule;
    loaded.known.is_frozen = definition.is_frozen();
    loaded.known.refresh_timeout_ms = definition.refresh_timeout_ms;
    for (const Source &source : definition.sources) {
        loaded.sources.push_back(source.relid);
        loaded.is_busy = loaded.is_busy || !call([&] { return try_lock(source.relid); });
    }
    if (loaded.is_busy)
        return loaded;
    translate::Restlessness restlessness =
        translate::restlessness_of(call([=] { return definition::query_of(relid); }));
    loaded.known.is_restless = restlessness.is_volatile || restlessness.is_now_dependent;
    return loaded;
}

} // namespace

/* Puts the task where its state belongs. A new one is looked at in this cycle. */
void Manager::set_task(scheduler::Id relid, const LoadedState &state)
{
    scheduler::Task &task = queue_.task(relid);
    task.schedules =
        scheduler::effective_schedules(graph_, relid, [&](scheduler::Id id) { return known_[id].schedule; });
    task.is_due_when_clean = known_[relid].is_restless;
    task.failures = state.failures;
    if (state.failures == 0)
        task.not_before = 0;
    if (state.is_suspended)
        queue_.suspend(task);
    else if (!task.is_running)
        make_idle(task);
    mailbox::offer_state(relid, {state.is_populated, state.is_suspended, state.failures > 0});
}

/* False if there is no extension or no stream table in this database. */
bool Manager::load_definitions()
{
    uint32_t changes = mailbox::definition_changes();
    std::map<scheduler::Id, Loaded> loaded;
    bool is_extension_there = false;
    std::optional<Failure> failure = in_transaction([&] {
        is_extension_there = call([] { return OidIsValid(state::state_table()); });
        if (!is_extension_there)
            return;
        catalog::note_database_name();
        call([] { definition::tell_time_zone(); });
        for (Oid relid : definition::all())
            loaded.emplace(relid, load_one(relid));
        read_holds();
    });
    if (failure) {
        /* A stream table dropped between the list and its definition, for instance. */
        load_after_ = GetCurrentTimestamp() + reload_pause_us;
        return true;
    }
    changes_seen_ = changes;
    is_loaded_ = true;
    load_after_ = 0;
    graph_.clear();
    for (auto &[relid, item] : loaded) {
        auto before = known_.find(relid);
        bool is_same = before != known_.end() && before->second.generation == item.known.generation;
        item.known.is_program_written = is_same && before->second.is_program_written;
        item.known.is_hold_told = before != known_.end() && before->second.is_hold_told;
        item.known.hold = before != known_.end() ? before->second.hold : std::nullopt;
        item.known.last_worker = before != known_.end() ? before->second.last_worker : nobody;
        if (!item.is_busy)
            continue;
        item.known.is_restless = is_same && before->second.is_restless;
        is_loaded_ = false;
        load_after_ = GetCurrentTimestamp() + reload_pause_us;
    }
    known_.clear();
    for (scheduler::Id relid : queue_.ids()) {
        if (loaded.count(relid) != 0)
            continue;
        queue_.remove(relid);
        listening_.remove(relid);
    }
    for (auto &[relid, item] : loaded) {
        graph_.set(relid, item.sources);
        known_[relid] = item.known;
    }
    for (auto &[relid, item] : loaded) {
        listening_.set(relid, scheduler::relations_below(graph_, relid));
        set_task(relid, item.state);
    }
    apply_holds();
    may_trim_ = true; /* logs of dropped stream tables are to be trimmed */
    project_definitions();
    return !loaded.empty();
}

void Manager::project_definitions()
{
    std::vector<catalog::Registered> rows;
    std::vector<catalog::Edge> edges;
    for (const auto &[relid, known] : known_) {
        rows.push_back({relid, known.generation, known.schema_name, known.name, known.schedule_text, known.status});
        for (scheduler::Id source : graph_.sources(relid))
            edges.push_back({relid, source, graph_.contains(source)});
    }
    catalog::Cluster cluster = catalog::this_cluster();
    int64_t now = GetCurrentTimestamp();
    catalog::run([&](catalog::Database &catalog) {
        catalog::write_registry(catalog, cluster, MyDatabaseId, rows, now);
        catalog::write_graph(catalog, MyDatabaseId, edges);
        catalog::prune_statistics(catalog, MyDatabaseId, now - statistics_pause_us);
        catalog::prune_measured(catalog, MyDatabaseId);
        for (const catalog::BackOff &row : catalog::back_offs_of(catalog, MyDatabaseId)) {
            scheduler::Task *task = queue_.find(row.relid);
            if (task == nullptr || known_[row.relid].generation != row.generation)
                catalog::write_back_off(catalog, MyDatabaseId, {row.relid, 0, 0, 0});
            else if (task->failures > 0)
                task->not_before = std::max(task->not_before, row.not_before);
        }
    });
    (void)catalog::take_is_new();
}

/* Somebody has removed or damaged it, and it was made anew. */
void Manager::project_if_catalog_is_new()
{
    if (!is_catalog_new_)
        return;
    is_catalog_new_ = false;
    for (auto &[relid, known] : known_)
        known.is_program_written = false;
    project_definitions();
}

} // namespace pgtrickle::worker
