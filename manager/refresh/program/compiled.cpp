#include "refresh/program/compiled.hpp"

#include "definition/catalog_caches.hpp"
#include "definition/guc.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/context.hpp"
#include "pg/invalidation_listeners.hpp"
#include "pg/rights.hpp"
#include "pg/settings.hpp"
#include "refresh/code/compile_right.hpp"
#include "refresh/code/known_stream_tables.hpp"
#include "refresh/program/compile.hpp"
#include "refresh/program/heaps.hpp"
#include "refresh/program/relation_names.hpp"
#include "refresh/program/scope.hpp"
#include "refresh/program/statement.hpp"
#include "refresh/sets/refresh_sets.hpp"
#include "setup/setup.hpp"
#include "setup/steps.hpp"
#include "storage/layout.hpp"
#include "translate/expression/constants.hpp"

extern "C" {
#include "utils/syscache.h"
}

#include <algorithm>

namespace pgtrickle::refresh {

namespace {

using Cache = std::map<Oid, Compiled *>;

/* Process-local; created at the first use, lives as long as the process. */
Cache *cache = nullptr;

Cache &compiled_cache()
{
    if (cache == nullptr)
        cache = make_in<Cache>(TopMemoryContext);
    return *cache;
}

/* By what they were built from; created at the first use, as the cache. */
UserIndex<Compiled> *users = nullptr;

UserIndex<Compiled> &index_of_users()
{
    if (users == nullptr)
        users = make_in<UserIndex<Compiled>>(TopMemoryContext);
    return *users;
}

/* An invalidation arrived while an entry was being built, which is not in the cache yet. */
bool was_invalidated_meanwhile = false;

/* Set whenever is_stale of an entry is set. */
bool has_stale = false;

} // namespace

void mark_stale(Compiled &compiled)
{
    compiled.is_stale = has_stale = true;
}

namespace {

void mark_all_stale()
{
    if (cache != nullptr)
        for (auto &[relid, compiled] : *cache)
            mark_stale(*compiled);
}

/* Only marks entries: an invalidation may arrive in the middle of a refresh that uses one. */
void on_invalidated_relation(Oid relation)
{
    was_invalidated_meanwhile = true;
    note_invalidated(relation);
    if (relation == InvalidOid || relation == mailbox::roles) /* also by a new owner of the database */
        mark_all_stale();
    else if (users != nullptr)
        users->visit_users({UsedObject::relation, relation}, mark_stale);
}

/* Roles and their memberships decide whether a policy applies to the role as which a query reads a table, and
 * therefore whether there is a program at all. */
void on_role_invalidation(int, uint32)
{
    on_invalidated_relation(InvalidOid);
}

/* Invalidation of a function or a type: expressions of groups are bound to it, and the privilege on it was
 * checked when they were compiled. */
void on_object_invalidation(int cache_id, uint32 hash)
{
    was_invalidated_meanwhile = true;
    if (hash == 0)
        mark_all_stale();
    else if (users != nullptr)
        users->visit_users({cache_id, hash}, mark_stale);
}

template <class Make> const KeptPlan &ensure_plan(Compiled &compiled, KeptPlan &plan, Make make)
{
    if (plan.is_usable()) {
        /* The relations may change while their locks are waited for. */
        plan.lock();
        if (plan.is_usable())
            return plan;
    }
    try {
        plan = make();
    } catch (const PgError &) {
        /* Names may refer to other objects by now: the query is translated again before the next attempt. */
        mark_stale(compiled);
        throw;
    }
    note_growth(compiled);
    return plan;
}

/* With `once`, the plan is made for the rows that are in memory now. */
KeptPlan plan_of_rows(const Compiled &compiled, const std::string &sql, const KeptPlan *once)
{
    estimate_rows(once != nullptr);
    return KeptPlan::of_our_statement(sql, compiled.parts,
                                      once != nullptr ? Driver::many_changed_rows : Driver::changed_rows);
}

void discard(Compiled *compiled)
{
    note_gone(*compiled);
    index_of_users().remove(*compiled, compiled->objects);
    if (compiled->is_elsewhere)
        std::for_each(compiled->relations.begin(), compiled->relations.end(), drop_relcache_entry);
    MemoryContextDelete(compiled->context);
}

Compiled &look_up(Oid relid)
{
    call([] { require_none_running(); });
    Cache &all = compiled_cache();
    auto found = all.find(relid);
    if (found != all.end() && (found->second->is_stale || found->second->capture_privilege != guc::capture_privilege)) {
        discard(all.extract(found).mapped());
        found = all.end();
    }
    /* An entry may have been made with more right, as by a refresh that this session was asked for. */
    require_right_to_compile(relid);
    if (found == all.end()) {
        was_invalidated_meanwhile = false;
        Compiled *compiled = compile(relid);
        /* The entry is valid for this refresh, which held its locks meanwhile; the next refresh builds it again. */
        compiled->is_stale = was_invalidated_meanwhile;
        has_stale = has_stale || was_invalidated_meanwhile;
        found = all.emplace(relid, compiled).first;
        index_of_users().add(*compiled, compiled->objects);
        note_growth(*compiled);
    }
    note_use(*found->second);
    return *found->second;
}

} // namespace

bool is_incremental(const Definition &definition)
{
    require_right_to_compile(definition.relid);
    return definition.uncaptured_source() == nullptr && setup::translation_of(definition).has_value();
}

void discard_stale()
{
    Cache &all = compiled_cache();
    if (std::exchange(has_stale, false))
        std::erase_if(all, [](const auto &item) {
            bool is_stale = item.second->is_stale;
            if (is_stale)
                discard(item.second);
            return is_stale;
        });
    while (Compiled *unused = next_to_free(static_cast<size_t>(guc::plan_cache_kb) * 1024)) {
        all.erase(unused->relid());
        discard(unused);
    }
    return_memory();
}

void forget(Oid relid) noexcept
{
    if (cache == nullptr)
        return;
    if (auto found = cache->find(relid); found != cache->end()) {
        mark_stale(*found->second);
        found->second->is_elsewhere = true;
    }
}

bool has_current_layout(Oid relid)
{
    return look_up(relid).has_current_layout;
}

Compiled &compiled_of(Oid relid)
{
    Compiled &compiled = look_up(relid);
    require_own_heaps(compiled);
    return compiled;
}

Compiled &compiled_beside_heaps(Oid relid)
{
    return look_up(relid);
}

bool needs_other_heaps(Oid relid)
{
    const Compiled &compiled = look_up(relid);
    return !compiled.has_current_layout || compiled.has_lost_a_key || compiled.has_other_collations;
}

bool has_unused_key(Oid relid)
{
    return look_up(relid).has_gained_a_key;
}

void rebuild_heaps(Oid relid)
{
    const Compiled &compiled = look_up(relid);
    if (compiled.is_only_renamed && !compiled.has_other_collations)
        for (size_t k = 0; k + 1 < compiled.steps.size(); k++)
            storage::rename_columns(compiled.steps[k].heap, compiled.steps[k].step);
    else
        setup::rebuild_storage(relid);
    if (auto found = compiled_cache().find(relid); found != compiled_cache().end())
        mark_stale(*found->second);
}

const KeptPlan &full_plan(Compiled &compiled, int step)
{
    return ensure_plan(compiled, compiled.steps[step].full_plan, [&] {
        if (compiled.is_full_only())
            return KeptPlan::of_query(call([&] { return definition::query_of(compiled.relid()); }),
                                      compiled.definition.query);
        return KeptPlan::of_our_statement(compiled.program->full_sql(step, Names(compiled)), compiled.parts,
                                          Driver::whole_sources);
    });
}

bool is_full_cheaper(const Compiled &compiled, int step, const KeptPlan &delta)
{
    const KeptPlan full = KeptPlan::of_our_statement(compiled.program->full_sql(step, Names(compiled)), compiled.parts,
                                                     Driver::many_changed_rows);
    return full.statement()->planTree->total_cost < delta.statement()->planTree->total_cost;
}

const KeptPlan &delta_plan(Compiled &compiled, int step, const engine::ChangedInputs &changed, KeptPlan *once)
{
    return ensure_plan(compiled, once != nullptr ? *once : compiled.steps[step].delta_plans[changed], [&] {
        return plan_of_rows(compiled, compiled.program->delta_sql(step, changed, Names(compiled, once != nullptr)),
                            once);
    });
}

const KeptPlan &touched_count_plan(Compiled &compiled, int step, const engine::ChangedInputs &changed, KeptPlan *once)
{
    return ensure_plan(compiled, once != nullptr ? *once : compiled.steps[step].touched_count_plans[changed], [&] {
        return plan_of_rows(compiled, compiled.program->touched_count_sql(step, changed, Names(compiled)), once);
    });
}

const KeptPlan &recompute_plan(Compiled &compiled, int step, KeptPlan *once)
{
    return ensure_plan(compiled, once != nullptr ? *once : compiled.steps[step].recompute_plan, [&] {
        return plan_of_rows(compiled, compiled.program->recompute_sql(step, Names(compiled)), once);
    });
}

std::string readable(const std::string &text, const Compiled &compiled)
{
    AsOwner as_owner(compiled.definition.owner, Sharing::all);
    return translate::with_literals(text, compiled.parts.constants);
}

std::vector<ProgramText> texts_of(const Compiled &compiled)
{
    if (compiled.is_full_only())
        return {{"full", compiled.definition.query}};
    Names names(compiled);
    std::vector<ProgramText> texts;
    auto add = [&](const std::string &purpose, const std::string &text) {
        texts.push_back({purpose, readable(text, compiled)});
    };
    for (int k = 0; k < static_cast<int>(compiled.steps.size()); k++) {
        const engine::Step &step = compiled.steps[k].step;
        std::string prefix = "step " + std::to_string(k) + ": ";
        for (size_t input = 0; input < step.inputs.size(); input++) {
            engine::ChangedInputs changed(step.inputs.size());
            changed[input] = true;
            add(prefix + "delta of " + delta_name(step.inputs[input]), compiled.program->delta_sql(k, changed, names));
        }
        add(prefix + "full", compiled.program->full_sql(k, names));
        if (!step.recompute_sql_condition.empty())
            add(prefix + "recompute", compiled.program->recompute_sql(k, names));
    }
    return texts;
}

void register_refresh()
{
    listen_to_relations(on_invalidated_relation);
    /* USAGE on a schema decides whether a program can refer to the objects in it. */
    for (int cache : {AUTHOID, AUTHMEMROLEMEM, NAMESPACEOID})
        listen_to_cache(cache, on_role_invalidation);
    for (int cache : {PROCOID, TYPEOID})
        listen_to_cache(cache, on_object_invalidation);
    watch_plans();
    watch_known_code();
}

} // namespace pgtrickle::refresh
