#include "refresh/program/compile.hpp"

#include "capture/log/log.hpp"
#include "definition/catalog_caches.hpp"
#include "definition/guc.hpp"
#include "definition/query/rewritten_query.hpp"
#include "definition/query/used_collations.hpp"
#include "definition/state/collation_versions.hpp"
#include "definition/state/state.hpp"
#include "pg/context.hpp"
#include "pg/rights.hpp"
#include "pg/settings.hpp"
#include "refresh/code/compile_right.hpp"
#include "refresh/program/captured.hpp"
#include "refresh/program/heaps.hpp"
#include "refresh/program/relation_names.hpp"
#include "refresh/program/scope.hpp"
#include "setup/full_refresh_sources.hpp"
#include "setup/setup.hpp"
#include "setup/steps.hpp"
#include "translate/check/dependence.hpp"

extern "C" {
#include "utils/snapmgr.h"
}

#include <algorithm>

namespace pgtrickle::refresh {

namespace {

/* Adds the relations that the entry was built from. */
void add_relations(Compiled &compiled)
{
    auto add = [&](Oid relation) {
        if (OidIsValid(relation))
            compiled.objects.push_back({UsedObject::relation, relation});
    };
    add(compiled.relid());
    for (const Source &source : compiled.definition.sources)
        add(source.relid);
    for (const CompiledSource &source : compiled.sources)
        add(source.relid);
    for (const CompiledStep &step : compiled.steps)
        add(step.heap);
    for (int i = 0; i < list_length(compiled.asked.entries); i++)
        add(list_nth_node(RangeTblEntry, compiled.asked.entries, i)->relid);
    std::for_each(compiled.captured.begin(), compiled.captured.end(), add);
    add_used(&compiled.objects, NIL, NIL);
}

void compile_step(CompiledStep &compiled, const QueryParts &parts, MemoryContext compiled_in,
                  std::vector<Oid> &relations)
{
    compiled.heap_name = qualified_name(compiled.heap);
    describe_heap(compiled, compiled_in, relations);
    ContextSwitch in_kept(compiled_in);
    if (compiled.step.layout == engine::Layout::groups) {
        compiled.groups = storage::compile_groups(compiled.step, parts, compiled.heap, compiled.heap_name);
        compiled.delta = compiled.groups->delta_descriptor;
        compiled.touched = compiled.step.takes_merged_states
                               ? compiled.physical
                               : leading_columns(compiled.delta, compiled.facts.key_count, false);
    } else {
        compiled.delta = leading_columns(compiled.physical, compiled.facts.column_count, true);
    }
}

void add_source(Compiled &compiled, Oid relid, bool is_stream_table, bool is_only, bool is_compared,
                const std::vector<AttrNumber> &columns, bool is_read_by_owner, bool is_captured)
{
    const AttrNumber *numbers = columns.data();
    int count = static_cast<int>(columns.size());
    ContextSwitch in_kept(compiled.context);
    TupleDesc changes = call([=] { return capture::changes_descriptor(relid, numbers, count); });
    compiled.sources.push_back({relid, is_stream_table, is_only, is_compared, columns, is_read_by_owner, changes,
                                is_captured, has_policies(relid)});
}

/* PostgreSQL frame. */
RequiredRights asked_rights_of(const Query *query, MemoryContext kept)
{
    MemoryContext previous = MemoryContextSwitchTo(kept);
    RequiredRights asked;
    definition::visit_levels(const_cast<Query *>(query), [&](const Query *level) { keep_rights(&asked, level); });
    MemoryContextSwitchTo(previous);
    return asked;
}

QueryParts kept_copy(const QueryParts &parts, MemoryContext kept)
{
    ContextSwitch in_kept(kept);
    return call([&] {
        return QueryParts{static_cast<List *>(copyObjectImpl(parts.constants)),
                          {list_copy(parts.known.functions), list_copy(parts.known.types)}};
    });
}

/* Returns what the query is computed from without a program. */
std::vector<translate::SourceRef> read_as_a_whole(Oid relid)
{
    Query *query = call([=] { return definition::query_of(relid); });
    return setup::sources_of_full_refresh(query, {});
}

/* Sets the members that describe what the program reads, and its steps. */
void take_program(Compiled &compiled, translate::Translation translation)
{
    for (const translate::SourceRef &source : translation.sources)
        add_source(compiled, source.relid, source.is_stream_table, source.is_only, source.is_compared, source.columns,
                   source.is_read_by_owner, is_captured_for(compiled.definition, source.relid));
    add_known(&compiled.objects, translation.parts.known);
    compiled.parts = kept_copy(translation.parts, compiled.context);
    compiled.program = std::make_unique<engine::Program>(std::move(translation.program));
    for (const engine::Step &step : compiled.program->steps())
        compiled.steps.emplace_back().step = step;
    for (size_t i = 0; i < compiled.sources.size(); i++) {
        compiled.sources[i].is_summed_by_step = compiled.program->sums_by_itself(static_cast<int>(i));
        compiled.sources[i].needed = compiled.program->needed_changes(static_cast<int>(i));
    }
}

/* As take_program(), for a query without a program. */
void take_whole_query(Compiled &compiled)
{
    const Oid relid = compiled.relid();
    for (const Source &source : compiled.definition.sources)
        add_source(compiled, source.relid, source.kind == SourceKind::stream_table, false, false, source.columns, false,
                   source.is_captured);
    compiled.steps.emplace_back().step = setup::step_of_rows(relid);
    const auto time_dependence = translate::time_dependence_of(call([=] { return definition::query_of(relid); }));
    compiled.is_time_dependent = time_dependence.is_volatile || time_dependence.is_now_dependent;
}

void compile_heaps(Compiled &compiled)
{
    compiled.has_current_layout = find_heaps(compiled);
    if (compiled.has_current_layout)
        for (CompiledStep &step : compiled.steps)
            compile_step(step, compiled.parts, compiled.context, compiled.relations);
    CompiledStep &storage = compiled.steps.back();
    storage.facts.ranges = compiled.definition.partition_by.width;
    storage.may_have_rows_to_place = storage.facts.ranges.unit != RangeUnit::none;
}

/* Sets the members that depend on the query. */
void compile_query(Compiled &compiled)
{
    const Oid relid = compiled.relid();
    /* Immutable functions of constants are evaluated on the way, and functions in most languages need a
     * snapshot. It is not the snapshot of the refresh, which is taken after the locks. */
    call([] { PushCopiedSnapshot(GetCatalogSnapshot(InvalidOid)); });
    /* Parsing, rewriting and translating leave ten times as much memory behind as is kept. */
    Scratch scratch;
    const Definition &definition = compiled.definition;
    /* Independent of the session's settings: expressions of the query are analyzed, folded and bound here. */
    const CodeOf code(relid);
    AsOwner as_owner(definition.owner, Sharing::all);
    TextSettings text_settings;
    Running running; /* functions in the query must not have the entries freed that a refresh holds */
    const Query *rewritten = call([=] { return definition::rewritten(definition::query_of(relid)); });
    require_right_to_compile(relid); /* rewriting has locked the views, one of which may have been replaced before */
    auto translation = setup::translation_of(definition);
    const bool has_program = translation.has_value();
    compiled.has_current_layout =
        has_recorded_sources(definition, has_program ? translation->sources : read_as_a_whole(relid));
    compiled.collation_versions =
        call([=] { return state::versions_of_collations(definition::used_collations(rewritten)); });
    if (has_program || !compiled.has_current_layout) {
        compiled.asked = call([&] { return asked_rights_of(rewritten, compiled.context); });
        add_used_by_query(&compiled.objects, rewritten);
    } else { /* USAGE on a type decides whether there is a program */
        add_known(&compiled.objects, call([=] { return known_objects_of(rewritten); }));
    }
    const bool has_recorded = compiled.has_current_layout;
    if (has_recorded) {
        if (has_program)
            take_program(compiled, *std::move(translation));
        else
            take_whole_query(compiled);
        compiled.captures_match_privileges = captures_match_privileges(compiled);
        compile_heaps(compiled);
    }
    call([] { PopActiveSnapshot(); });
    if (has_recorded) {
        drop_relcache_entry(call([=] { return definition::view_of(relid); }));
        trim_catalog_caches();
    }
}

} // namespace

Compiled *compile(Oid relid)
{
    MemoryContext context = call([] {
        return AllocSetContextCreate(CurTransactionContext, "pg_trickle compiled stream table", ALLOCSET_SMALL_SIZES);
    });
    auto *compiled = make_in<Compiled>(context);
    compiled->context = context;
    compiled->definition = definition::load(relid);
    compiled->experience = cost_hints_of(relid);
    compiled->capture_privilege = guc::capture_privilege;
    compiled->relations.push_back(relid);
    state::StateRow row;
    (void)state::read(relid, &row);
    compiled->has_current_layout = !row.needs_setup; /* the recorded sources may not be those of the query any more */
    compiled->has_other_collations = row.has_other_collations;
    if (compiled->has_current_layout)
        compile_query(*compiled);
    add_relations(*compiled);
    /* Up to here, an error frees the context with the transaction. */
    MemoryContextSetParent(context, TopMemoryContext);
    return compiled;
}

} // namespace pgtrickle::refresh
