/*
 * Loading the definitions: the graph, the tasks, and their projection into the catalog.
 *
 * One scan of pgt_state tells which generations are new; only those definitions are read, and those that the
 * relcache says were altered. What follows from the graph (schedules of those above, sources of those below)
 * is computed anew for those that are connected with them.
 *
 * A definition is read with its stream table locked: whoever altered it announces that before others are sure to be told
 * that their caches are out of date, but lets the lock go after that.
 */
#include "catalog/process.hpp"
#include "pg/database_settings.hpp"
#include "definition/definition.hpp"
#include "definition/state/state.hpp"
#include "definition/time_zone.hpp"
#include "definition/definition_view.hpp"
#include "scheduler/graph/refresh_batch.hpp"
#include "translate/translate.hpp"
#include "worker/manager/invalidations.hpp"
#include "worker/manager/manager.hpp"
#include "capture/source/source_rows.hpp"
#include "translate/check/dependence.hpp"

extern "C" {
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "rewrite/rewriteHandler.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
}

#include <algorithm>
#include <malloc.h>
#include <utility>

namespace pgtrickle::worker {

using scheduler::Id;
using scheduler::Ids;

struct LoadedState {
    bool is_populated = false;
    bool is_suspended = false;
    int failures = 0;
    TimestampTz data_timestamp = 0; /* 0: unpopulated */
    std::string status;
};

struct Loaded {
    Known known;
    Ids sources;
    bool is_there = false; /* false: somebody has dropped it, or keeps it locked and it is known already */
    bool is_busy = false;  /* somebody keeps it or a source locked: what is known of it is not all */
};

namespace {

constexpr TimestampTz first_reload_pause_us = 10'000;
constexpr TimestampTz longest_reload_pause_us = 1'000'000;
constexpr TimestampTz project_pause_us = 1'000'000;
/* What was counted later may be of a stream table made after the definitions were read. */
constexpr TimestampTz statistics_pause_us = 600'000'000;

/* Reading a query's views and sources takes locks, and nobody's long ALTER TABLE or TRUNCATE
 * may stop the manager. PostgreSQL frame. */
bool try_lock(Oid source)
{
    return ConditionalLockRelationOid(source, AccessShareLock);
}

/* Those that `query` reads, and those that these read. The rule of `view`, which it is of, names that one, too. PostgreSQL frame. */
bool try_lock_views(Query *query, Oid view)
{
    ListCell *cell;
    foreach (cell, definition::relations_named(query)) {
        const Oid relid = lfirst_oid(cell);
        if (relid == view || get_rel_relkind(relid) != RELKIND_VIEW)
            continue;
        if (!try_lock(relid))
            return false;
        Relation relation = relation_open(relid, NoLock);
        const bool are_locked = try_lock_views(get_view_query(relation), relid);
        relation_close(relation, NoLock);
        if (!are_locked)
            return false;
    }
    return true;
}

/* One that is locked is looked at again soon; until then what was known of it counts, or what the last commit says. A manager
 * that has just begun would take the rest of its diamond for unconnected otherwise. */
Loaded load_one(const state::Glance &glance, bool is_known)
{
    const Oid relid = glance.relid;
    Loaded loaded;
    loaded.is_busy = !call([=] { return try_lock(relid); });
    if (loaded.is_busy && is_known)
        return loaded;
    loaded.is_there = call([=] { return definition::is_stream_table(relid); });
    if (!loaded.is_there)
        return loaded;
    Definition definition = definition::load(relid);
    loaded.known.generation = glance.generation;
    loaded.known.schema_name = definition.schema_name;
    loaded.known.name = definition.name;
    loaded.known.schedule_text = definition.schedule_text;
    loaded.known.schedule = definition.schedule;
    loaded.known.is_frozen = definition.is_frozen();
    loaded.known.is_diamond_atomic = definition.is_diamond_atomic;
    loaded.known.is_diamond_slowest = definition.is_diamond_policy_slowest;
    loaded.known.refresh_timeout_ms = definition.refresh_timeout_ms;
    loaded.known.owner = definition.owner;
    for (const Source &source : definition.sources) {
        loaded.sources.push_back(source.relid);
        loaded.is_busy = loaded.is_busy || !call([&] { return try_lock(source.relid); });
    }
    if (loaded.is_busy)
        return loaded;
    Query *query = call([=] { return definition::query_of(relid); });
    loaded.is_busy = !call([=] { return try_lock_views(query, InvalidOid); });
    if (loaded.is_busy)
        return loaded;
    translate::Restlessness restlessness = translate::restlessness_of(query);
    loaded.known.is_restless =
        restlessness.is_volatile || restlessness.is_now_dependent || definition.uncaptured_source() != nullptr;
    return loaded;
}

LoadedState state_of(const state::Glance &glance)
{
    LoadedState state;
    state.is_populated = glance.is_populated;
    state.is_suspended = strcmp(glance.status, state::name_of(state::Status::suspended)) == 0;
    state.failures = glance.consecutive_errors;
    state.data_timestamp = glance.data_timestamp;
    state.status = glance.status;
    return state;
}

void add(std::set<Id> *set, const Ids &ids)
{
    set->insert(ids.begin(), ids.end());
}

} // namespace

/* Puts the task where its state belongs. A new one is looked at in this cycle. */
void Manager::set_task(Id relid, const LoadedState &state)
{
    scheduler::Task &task = queue_.task(relid);
    task.is_due_when_clean = known_[relid].is_restless;
    /* What moves by itself is due by the time of its last refresh, whoever did it. */
    if (task.is_due_when_clean && task.refreshed_at == 0)
        task.refreshed_at = state.data_timestamp;
    task.failures = state.failures;
    if (state.failures == 0)
        task.not_before = 0;
    if (state.is_suspended)
        queue_.suspend(task);
    else if (!task.is_running)
        make_idle(task);
    note_trouble(task);
    mailbox::offer_state(relid, {state.is_populated, state.is_suspended, state.failures > 0});
}

void Manager::set_effective_schedule(Id relid, Known &known)
{
    const scheduler::EffectiveSchedule &pace = effective_schedules_.of(relid);
    if (known.pace == pace)
        return;
    known.pace = pace;
    scheduler::Task &task = queue_.task(relid);
    task.schedules = pace.schedules;
    task.waits_for_all = pace.waits_for_all;
    mailbox::set_atomic_set(relid, pace.atomic_set);
    mailbox::set_effective_schedule(relid, pace.has_own_schedule, pace.waits_for_all);
    if (task.is_queued())
        make_idle(task);
}

/* One that has come, gone or been altered may change the pace of others far from it. */
void Manager::set_effective_schedules()
{
    effective_schedules_.compute(graph_, [&](Id id) {
        const Known &known = known_.at(id);
        return scheduler::Terms{known.schedule, known.is_restless, known.is_diamond_atomic, known.is_diamond_slowest,
                                known.owner};
    });
    for (auto &[relid, known] : known_)
        set_effective_schedule(relid, known);
}

/* Takes it out, and notes who is above it. */
void Manager::forget(Id relid, std::set<Id> *above)
{
    add(above, graph_.downstreams(relid));
    troubled_.erase(relid);
    locked_.erase(relid);
    graph_.remove(relid);
    known_.erase(relid);
    queue_.remove(relid);
    listening_.remove(relid);
}

/* Takes in what was read of it, and notes those above, which read other sources. */
void Manager::take_in(Id relid, Known known, const Ids &sources, bool is_busy, std::set<Id> *above)
{
    auto before = known_.find(relid);
    bool is_same = before != known_.end() && before->second.generation == known.generation;
    known.is_program_written = is_same && before->second.is_program_written;
    if (before != known_.end()) {
        known.preferred_worker = before->second.preferred_worker;
        known.is_suspended = before->second.is_suspended;
        known.hold = before->second.hold;
        known.hold_reported = before->second.hold_reported;
        known.is_stale_told = before->second.is_stale_told;
    }
    if (is_busy)
        known.is_restless = is_same && before->second.is_restless;
    bool has_other_sources = before == known_.end() || graph_.sources(relid) != sources;
    if (has_other_sources) {
        graph_.set(relid, sources);
        add(above, graph_.downstreams(relid));
    }
    above->insert(relid);
    known_[relid] = std::move(known);
}

namespace {

/* What is known of all in one transaction would lock all of them, and their sources: no lock table has room for thousands. */
constexpr size_t loaded_at_once = 10;

std::optional<Failure> load_all(const std::vector<state::Glance> &glances, const std::map<Id, Known> &known,
                                std::map<Id, Loaded> *loaded)
{
    for (size_t first = 0; first < glances.size(); first += loaded_at_once) {
        std::optional<Failure> failure = in_transaction([&] {
            for (size_t i = first; i < std::min(glances.size(), first + loaded_at_once); i++)
                loaded->emplace(glances[i].relid, load_one(glances[i], known.count(glances[i].relid) != 0));
        });
        if (failure)
            return failure;
    }
    return std::nullopt;
}

} // namespace

/* Tried again soon; the log tells of it once. */
void Manager::note_failed_load(const Failure &failure)
{
    reload_later();
    if (std::exchange(load_fault_, failure.message) == failure.message)
        return;
    call([&] {
        ereport(LOG, (errmsg("pg_trickle could not read the definitions of stream tables: %s", failure.message.c_str())));
    });
}

/* Settings of the database are for processes that begin: when others are given, another manager takes this one's
 * place, with workers of its own, once what runs is done. In a transaction. */
void Manager::leave_if_others_are_given()
{
    std::string settings = call([] { return settings_to_begin_with(); });
    if (!settings_.has_value())
        settings_ = std::move(settings);
    else if (*settings_ != settings)
        mailbox::make_room();
}

/* False if there is no extension in this database, or nothing to manage: no stream table, nor what is captured for none. */
bool Manager::load_definitions()
{
    uint32_t changes = mailbox::definition_changes();
    std::map<Id, LoadedState> states;
    std::vector<state::Glance> to_load;
    std::map<Id, Loaded> loaded;
    Invalidated invalidated;
    bool has_other_zone = false, is_anything_captured = false;
    std::optional<Failure> failure = in_transaction([&] {
        invalidated = take_invalidated();
        catalog::note_database_name();
        has_other_zone = call([] {
            pg_tz *before = definition::told_time_zone();
            definition::tell_time_zone();
            return definition::told_time_zone() != before;
        });
        leave_if_others_are_given();
        int count = 0;
        state::Glance *glances = call([&] { return state::glance_at_all(&count); });
        for (int i = 0; i < count; i++) {
            const state::Glance &glance = glances[i];
            auto known = known_.find(glance.relid);
            states[glance.relid] = state_of(glance);
            if (known == known_.end() || known->second.generation != glance.generation ||
                invalidated.contains(glance.relid) || to_reload_.count(glance.relid) != 0)
                to_load.push_back(glance);
        }
        if (call([] { return OidIsValid(state::state_table()); }))
            read_holds();
        is_anything_captured = call([] { return capture::captured_sources() != NIL; });
    });
    if (!failure)
        failure = load_all(to_load, known_, &loaded);
    if (failure) {
        for (const auto &[relid, known] : known_)
            if (invalidated.contains(relid))
                to_reload_.insert(relid);
        note_failed_load(*failure);
        return true;
    }
    load_fault_.clear();
    changes_seen_ = changes;
    is_loaded_ = true;
    load_after_ = 0;
    take_in_all(states, loaded);
    apply_holds();
    if (has_other_zone)
        judge_all_anew();
    if (to_reload_.empty())
        reload_pause_us_ = 0;
    else
        reload_later();
    is_all_to_trim_ = true; /* logs of dropped stream tables are to be trimmed */
    look_for_stale_at_ = 0; /* and others may be late sooner than it looked */
    is_projection_due_ = true;
    if (states.empty())
        upkeep_after_ = 0; /* it is all there is to do */
    return !states.empty() || is_anything_captured;
}

/* Due times are of another time zone now. */
void Manager::judge_all_anew()
{
    for (Id relid : queue_.ids())
        if (scheduler::Task *task = queue_.find(relid); task->is_queued())
            make_idle(*task);
}

void Manager::reload_later()
{
    reload_pause_us_ = std::clamp(2 * reload_pause_us_, first_reload_pause_us, longest_reload_pause_us);
    is_loaded_ = false;
    load_after_ = GetCurrentTimestamp() + reload_pause_us_;
}

void Manager::take_in_all(const std::map<Id, LoadedState> &states, std::map<Id, Loaded> &loaded)
{
    std::set<Id> above, changed;
    bool has_gone = false;
    to_reload_.clear();
    for (Id relid : queue_.ids())
        if (states.count(relid) == 0) {
            forget(relid, &above);
            has_gone = true;
        }
    for (auto &[relid, item] : loaded) {
        if (item.is_busy)
            to_reload_.insert(relid);
        if (!item.is_there)
            continue;
        take_in(relid, std::move(item.known), item.sources, item.is_busy, &above);
        changed.insert(relid);
    }
    for (const auto &[relid, state] : states) {
        auto known = known_.find(relid);
        if (known == known_.end())
            continue;
        known->second.status = state.status;
        bool was_suspended = std::exchange(known->second.is_suspended, state.is_suspended);
        const scheduler::Task *task = queue_.find(relid);
        bool is_other = task == nullptr || was_suspended != state.is_suspended ||
                        (task->failures > 0) != (state.failures > 0);
        if (is_other || changed.count(relid) != 0)
            set_task(relid, state);
    }
    if (has_gone || !changed.empty()) {
        count_owners();
        set_effective_schedules();
    }
    for (Id relid : above) {
        if (known_.count(relid) == 0)
            continue;
        listening_.set(relid, scheduler::relations_below(graph_, relid));
        if (scheduler::Task *task = queue_.find(relid); task->is_idle())
            to_check_.push_back(relid);
    }
}

void Manager::project_if_due()
{
    TimestampTz now = GetCurrentTimestamp();
    if (!is_projection_due_ || now < project_after_)
        return;
    is_projection_due_ = false;
    project_after_ = now + project_pause_us;
    project_definitions();
    /* Reading a thousand definitions leaves twice what is kept as holes in the heap. */
    malloc_trim(0);
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
    is_projected_ = catalog::run([&](catalog::Database &catalog) {
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
    if (!is_catalog_new_ && is_projected_)
        return;
    for (auto &[relid, known] : known_)
        known.is_program_written = known.is_program_written && !is_catalog_new_;
    is_catalog_new_ = false;
    project_definitions();
}

} // namespace pgtrickle::worker
