/*
 * One scan of pgt_state shows which generations are new; only those definitions are read, and those of stream
 * tables that were altered according to the relcache. Data derived from the graph (schedules of upstreams,
 * sources of downstreams) is computed again for the stream tables connected with them.
 *
 * Each definition is read in a transaction of its own, which releases its locks: those of all stream tables and their
 * sources would fill the lock table.
 *
 * A definition is read with its stream table locked: a transaction that alters it announces that before other
 * processes are guaranteed to have received its invalidations, but releases the lock after that.
 */
#include "worker/manager/definitions.hpp"

#include "capture/source/source_rows.hpp"
#include "catalog/process.hpp"
#include "definition/catalog_caches.hpp"
#include "definition/definition.hpp"
#include "definition/definition_view.hpp"
#include "definition/state/state.hpp"
#include "definition/time_zone.hpp"
#include "mailbox/manager_side.hpp"
#include "pg/database_settings.hpp"
#include "pg/settings.hpp"
#include "refresh/sets/refresh_groups.hpp"
#include "translate/check/dependence.hpp"
#include "translate/translate.hpp"
#include "worker/manager/invalidations.hpp"

extern "C" {
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "rewrite/rewriteHandler.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
}

#include <algorithm>
#include <utility>

namespace pgtrickle::worker {

using scheduler::Id;
using scheduler::Ids;

struct LoadedDefinition {
    Known known;
    Ids sources;
    bool is_there = false; /* false: it was dropped, or is locked and known already */
    bool is_busy = false;  /* it or a source is locked: what is known of it is incomplete */
    std::string fault;     /* the error of reading it; what is known of it is incomplete */
};

namespace {

constexpr TimestampTz first_reload_pause_us = 10'000;
constexpr TimestampTz longest_reload_pause_us = 1'000'000;
/* While definitions change all the time, reading them takes a fifth of a core at most. */
constexpr TimestampTz pause_factor = 4;
constexpr TimestampTz longest_pause_us = 500'000;
/* A definition that could not be read is read at once if it changes. */
constexpr TimestampTz failed_pause_us = 60'000'000;

/* Tries to lock a source. Reading a query's views and sources takes locks, and a long ALTER TABLE or TRUNCATE
 * must not block the manager. PostgreSQL frame. */
bool try_lock(Oid source)
{
    return ConditionalLockRelationOid(source, AccessShareLock);
}

/* Tries to lock the definition of a stream table. The invalidations of a transaction that altered it have been sent
 * then. PostgreSQL frame. */
bool try_lock_definition(Oid relid)
{
    const LOCKTAG tag = state::definition_lock(relid);
    if (!try_lock(relid) || LockAcquire(&tag, ShareLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
        return false;
    AcceptInvalidationMessages();
    return true;
}

/* Tries to lock the views that `query` reads, directly or through views. `seen` (List of OIDs): those that are locked
 * already, since views may be read many times, and by themselves. PostgreSQL frame. */
bool try_lock_views(Query *query, List **seen)
{
    ListCell *cell;
    foreach (cell, definition::relations_named(query)) {
        const Oid relid = lfirst_oid(cell);
        if (list_member_oid(*seen, relid) || get_rel_relkind(relid) != RELKIND_VIEW)
            continue;
        if (!try_lock(relid))
            return false;
        *seen = lappend_oid(*seen, relid);
        Relation relation = relation_open(relid, NoLock);
        const bool are_locked = try_lock_views(get_view_query(relation), seen);
        relation_close(relation, NoLock);
        if (!are_locked)
            return false;
    }
    return true;
}

Known known_of(const Definition &definition, int64_t generation)
{
    Known known;
    known.generation = generation;
    known.schema_name = definition.schema_name;
    known.name = definition.name;
    known.schedule_text = definition.schedule_text;
    known.schedule = definition.schedule;
    known.is_immediate = rules_of(definition.mode).is_immediate;
    known.is_frozen = definition.is_frozen();
    known.is_diamond_atomic = definition.is_diamond_atomic;
    known.is_diamond_slowest = definition.is_diamond_policy_slowest;
    known.refresh_timeout_ms = definition.refresh_timeout_ms;
    known.owner = definition.owner;
    return known;
}

/* Reads a definition, `loaded` as far as it gets. If the stream table is locked, it is read again soon; until then the
 * known definition stays valid, or, if there is none, the last committed one is used: otherwise a manager that has just
 * started would treat the remaining members of its diamond as unconnected. */
void load_one(const state::StateSummary &glance, bool is_known, LoadedDefinition *loaded)
{
    const Oid relid = glance.relid;
    loaded->is_busy = !call([=] { return try_lock_definition(relid); });
    if ((loaded->is_busy && is_known) || !call([=] { return definition::is_stream_table(relid); }))
        return;
    const Definition definition = definition::load(relid);
    for (const Source &source : definition.sources)
        loaded->sources.push_back(source.relid);
    loaded->known = known_of(definition, glance.generation);
    loaded->is_there = true;
    for (const Source &source : definition.sources)
        loaded->is_busy = loaded->is_busy || !call([&] { return try_lock(source.relid); });
    if (loaded->is_busy)
        return;
    Query *query = call([=] { return definition::query_of(relid); });
    loaded->is_busy = !call([=] {
        List *seen = NIL;
        return try_lock_views(query, &seen);
    });
    if (loaded->is_busy)
        return;
    const translate::TimeDependence time_dependence = translate::time_dependence_of(query);
    loaded->known.is_time_dependent =
        time_dependence.is_volatile || time_dependence.is_now_dependent || definition.uncaptured_source() != nullptr;
}

/* Reads a definition in a transaction of its own. It waits briefly for what views and policies read now, and did not
 * when the stream table was set up: another session may hold a lock on it for long. */
LoadedDefinition load_alone(const state::StateSummary &glance, bool is_known)
{
    LoadedDefinition loaded;
    const std::optional<TransactionFailure> failure = in_transaction([&] {
        call([] { set_for_now("lock_timeout", "10"); });
        load_one(glance, is_known, &loaded);
        drop_relcache_entry(glance.relid);
        if (Oid view = call([&] { return definition::view_of(glance.relid); }); OidIsValid(view))
            drop_relcache_entry(view);
        trim_catalog_caches();
    });
    if (failure && failure->is_transient())
        loaded.is_busy = true;
    else if (failure)
        loaded.fault = failure->message;
    return loaded;
}

StoredState state_of(const state::StateSummary &glance)
{
    StoredState state;
    state.is_populated = glance.is_populated;
    state.is_suspended = strcmp(glance.status, state::name_of(state::Status::suspended)) == 0;
    state.failures = glance.consecutive_errors;
    state.data_timestamp = glance.data_timestamp;
    state.status = glance.status;
    return state;
}

/* Publishes the time zone and returns whether it has changed. In a transaction. */
bool read_time_zone()
{
    return call([] {
        pg_tz *before = definition::published_time_zone();
        definition::publish_time_zone();
        return definition::published_time_zone() != before;
    });
}

} // namespace

/* ---- when ----------------------------------------------------------------------------- */

/* A locked stream table is retried after a pause, but a change is read at once, or at the end of a short pause
 * if no reader waits: otherwise half of a new diamond would be refreshed, and a session that resumes a stream
 * table and reads it would get the answer that it is held. */
bool Definitions::is_due(bool is_awaited) const
{
    const TimestampTz now = GetCurrentTimestamp();
    const bool has_changed = mailbox::definition_changes() != changes_seen_;
    const bool is_tried_again = !is_loaded_ && now >= load_after_;
    const bool is_put_off = !load_fault_.empty() && now < load_after_;
    const bool is_paused = !is_awaited && now < pause_until_;
    const bool reads_failed = !failed_.empty() && now >= read_failed_at_;
    return is_tried_again || (reads_failed && !is_put_off) || (has_changed && !is_put_off && !is_paused);
}

void Definitions::pause_after(TimestampTz duration_us)
{
    pause_until_ = GetCurrentTimestamp() + std::min(duration_us * pause_factor, longest_pause_us);
}

void Definitions::read_again_at(TimestampTz at)
{
    is_loaded_ = false;
    load_after_ = at;
}

void Definitions::read_again_later()
{
    reload_pause_us_ = std::clamp(2 * reload_pause_us_, first_reload_pause_us, longest_reload_pause_us);
    read_again_at(GetCurrentTimestamp() + reload_pause_us_);
}

std::optional<TimestampTz> Definitions::next_at() const
{
    if (!is_loaded_ || load_after_ != 0)
        return load_after_;
    if (mailbox::definition_changes() != changes_seen_)
        return pause_until_;
    return failed_.empty() ? std::nullopt : std::optional(read_failed_at_);
}

/* Logs each fault once. */
void Definitions::record_failed_read(const TransactionFailure &failure)
{
    read_again_later();
    if (std::exchange(load_fault_, failure.message) == failure.message)
        return;
    call([&] {
        ereport(LOG,
                (errmsg("pg_trickle could not read the definitions of stream tables: %s", failure.message.c_str())));
    });
}

/* Settings of the database apply to processes that start: when they have changed, another manager replaces
 * this one, with workers of its own, once the running jobs have ended. In a transaction.
 *
 * A change is visible before it is announced. So this process has the settings that are visible now only if none was
 * announced since before it got its own, and no transaction is about to announce one. Otherwise the next announcement
 * replaces this process. */
void Definitions::leave_if_settings_changed()
{
    const bool is_first = !settings_.has_value();
    const bool is_locked = is_first && call([] { return lock_settings(); });
    std::string settings = call([] { return settings_to_begin_with(); });
    if (is_first ? mailbox::settings_changes() != settings_changes_ : *settings_ != settings)
        mailbox::make_room();
    if (is_locked) {
        settings_ = std::move(settings);
        call([] { unlock_settings(); });
    }
}

/* ---- reading -------------------------------------------------------------------------- */

bool Definitions::must_be_read(const state::StateSummary &glance, bool is_invalidated, bool reads_failed) const
{
    if (failed_.count(glance.relid) != 0 && reads_failed)
        return true;
    const Known *known = find(glance.relid);
    const bool is_as_known =
        known != nullptr ? known->generation == glance.generation : failed_.count(glance.relid) != 0;
    return !is_as_known || is_invalidated || to_reload_.count(glance.relid) != 0;
}

std::map<Id, LoadedDefinition> Definitions::load_all(const std::vector<state::StateSummary> &glances)
{
    std::map<Id, LoadedDefinition> loaded;
    for (const state::StateSummary &glance : glances)
        loaded.emplace(glance.relid, load_alone(glance, find(glance.relid) != nullptr));
    return loaded;
}

/* Remembers which definitions could not be read, and logs each error once. */
void Definitions::record_failures(const std::map<Id, LoadedDefinition> &loaded)
{
    for (const auto &[relid, item] : loaded) {
        if (item.fault.empty()) {
            failed_.erase(relid);
            continue;
        }
        if (std::exchange(failed_[relid], item.fault) != item.fault)
            call([&, relid = relid, &item = item] {
                ereport(LOG,
                        (errmsg("pg_trickle could not read the definition of stream table \"%s.%s\" (OID %u): %s",
                                item.known.schema_name.c_str(), item.known.name.c_str(), relid, item.fault.c_str())));
            });
    }
    const TimestampTz now = GetCurrentTimestamp();
    if (now >= read_failed_at_)
        read_failed_at_ = now + failed_pause_us;
}

std::optional<DefinitionChanges> Definitions::read()
{
    const uint32_t changes_seen = mailbox::definition_changes();
    /* Before the snapshot, which sees all that have an entry and were not dropped. */
    const std::vector<Oid> in_mailbox = mailbox::known_stream_tables();
    DefinitionChanges changes;
    std::vector<state::StateSummary> to_load;
    Invalidated invalidated;
    bool is_anything_captured = false;
    const bool reads_failed = GetCurrentTimestamp() >= read_failed_at_;
    const std::optional<TransactionFailure> failure = in_transaction([&] {
        invalidated = take_invalidated();
        catalog::note_database_name();
        changes.has_other_time_zone = read_time_zone();
        leave_if_settings_changed();
        int count = 0;
        state::StateSummary *glances = call([&] { return state::all_summaries(&count); });
        for (int i = 0; i < count; i++) {
            const state::StateSummary &glance = glances[i];
            changes.states[glance.relid] = state_of(glance);
            if (must_be_read(glance, invalidated.contains(glance.relid), reads_failed))
                to_load.push_back(glance);
        }
        is_anything_captured = call([] { return capture::captured_sources() != NIL; });
    });
    if (failure) {
        for (const auto &[relid, known] : known_)
            if (invalidated.contains(relid))
                to_reload_.insert(relid);
        record_failed_read(*failure);
        return std::nullopt;
    }
    load_fault_.clear();
    changes_seen_ = changes_seen;
    is_loaded_ = true;
    load_after_ = 0;
    for (const Oid relid : in_mailbox)
        if (changes.states.count(relid) == 0)
            mailbox::forget_at_once(relid);
    changes.is_empty = changes.states.empty();
    changes.is_nothing_to_manage = changes.is_empty && !is_anything_captured;
    std::map<Id, LoadedDefinition> loaded = load_all(to_load);
    record_failures(loaded);
    apply(loaded, &changes);
    if (to_reload_.empty())
        reload_pause_us_ = 0;
    else
        read_again_later();
    return changes;
}

void Definitions::read_refresh_groups()
{
    refresh_groups_.clear();
    for (const std::vector<Oid> &members : refresh::groups_of_owners())
        for (Id member : members)
            refresh_groups_[member] = members;
}

void Definitions::apply(std::map<Id, LoadedDefinition> &loaded, DefinitionChanges *changes)
{
    to_reload_.clear();
    for (const auto &[relid, known] : known_)
        if (changes->states.count(relid) == 0)
            changes->gone.push_back(relid);
    std::erase_if(failed_, [&](const auto &failed) { return changes->states.count(failed.first) == 0; });
    for (Id relid : changes->gone)
        forget(relid, changes);
    for (auto &[relid, item] : loaded) {
        if (item.is_busy)
            to_reload_.insert(relid);
        if (item.is_there)
            put(relid, item, changes);
    }
    std::erase_if(changes->states, [&](const auto &state) { return known_.count(state.first) == 0; });
    for (auto &[relid, state] : changes->states) {
        Known &known = known_.at(relid);
        known.status = state.status;
        const bool was_suspended = std::exchange(known.is_suspended, state.is_suspended);
        state.has_changed = was_suspended != state.is_suspended || changes->read.count(relid) != 0;
    }
    std::erase_if(changes->downstream_of_changes, [&](Id relid) { return known_.count(relid) == 0; });
    if (!changes->gone.empty() || !changes->read.empty()) {
        count_owners();
        compute_effective_schedules();
    }
}

void Definitions::forget(Id relid, DefinitionChanges *changes)
{
    const Ids downstreams = graph_.downstreams(relid);
    changes->downstream_of_changes.insert(downstreams.begin(), downstreams.end());
    graph_.remove(relid);
    known_.erase(relid);
}

/* Replaces what was known of a stream table by what was read. */
void Definitions::put(Id relid, LoadedDefinition &loaded, DefinitionChanges *changes)
{
    Known &known = loaded.known;
    auto before = known_.find(relid);
    const bool is_same = before != known_.end() && before->second.generation == known.generation;
    known.is_program_written = is_same && before->second.is_program_written;
    if (before != known_.end())
        known.is_suspended = before->second.is_suspended;
    if (loaded.is_busy)
        known.is_time_dependent = is_same && before->second.is_time_dependent;
    if (!loaded.fault.empty()) {
        const TimestampTz unread_since = is_same ? before->second.unread_since : 0;
        known.is_time_dependent = true;
        known.unread_since = unread_since != 0 ? unread_since : GetCurrentTimestamp();
    }
    if (before == known_.end() || graph_.sources(relid) != loaded.sources) {
        graph_.set(relid, loaded.sources);
        const Ids downstreams = graph_.downstreams(relid);
        changes->downstream_of_changes.insert(downstreams.begin(), downstreams.end());
    }
    changes->downstream_of_changes.insert(relid);
    changes->read.insert(relid);
    known_[relid] = std::move(known);
}

/* A stream table that was created, dropped or altered may change the schedules of others far from it. */
void Definitions::compute_effective_schedules()
{
    effective_schedules_.compute(graph_, [&](Id id) {
        const Known &known = known_.at(id);
        return scheduler::Terms{known.schedule, known.is_time_dependent, known.is_diamond_atomic,
                                known.is_diamond_slowest, known.owner};
    });
}

void Definitions::count_owners()
{
    has_several_owners_ = std::any_of(known_.begin(), known_.end(), [&](const auto &known) {
        return known.second.owner != known_.begin()->second.owner;
    });
}

/* ---- what is known -------------------------------------------------------------------- */

Known *Definitions::find(Id id)
{
    auto found = known_.find(id);
    return found == known_.end() ? nullptr : &found->second;
}

const Known *Definitions::find(Id id) const
{
    auto found = known_.find(id);
    return found == known_.end() ? nullptr : &found->second;
}

Id Definitions::owner_of(Id id) const
{
    const Known *known = find(id);
    return known == nullptr ? 0 : known->owner;
}

const Ids *Definitions::refresh_group_of(Id id) const
{
    auto found = refresh_groups_.find(id);
    return found == refresh_groups_.end() ? nullptr : &found->second;
}

} // namespace pgtrickle::worker
