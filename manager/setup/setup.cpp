#include "setup/setup.hpp"

#include "capture/capture.hpp"
#include "capture/installer.hpp"
#include "capture/log/marker.hpp"
#include "definition/cycle.hpp"
#include "definition/definition_view.hpp"
#include "definition/option_row.hpp"
#include "definition/state/state.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/relation_row.hpp"
#include "pg/rights.hpp"
#include "setup/defining_query.hpp"
#include "setup/heaps.hpp"
#include "setup/maintenance.hpp"
#include "setup/successor.hpp"
#include "storage/partitions.hpp"
#include "storage/storage.hpp"

extern "C" {
#include "storage/lmgr.h"
#include "utils/snapmgr.h"
}

#include <algorithm>
#include <set>

namespace pgtrickle::setup {

namespace {

/* A name in the text may have changed between the parser and store_query(), which locks what has a name: a statement
 * that renames it has not found this definition. PostgreSQL frame. */
void keep_text_true(Oid relid, Query *query)
{
    const char *text = definition::canonical_text(query);
    const char *stored = option_of(relid, "query");
    if (stored != nullptr && strcmp(stored, text) != 0)
        write_option(relid, "query", text, DEFELEM_SET);
}

/* Writes the internal view and the dependencies, and replaces existing ones. */
void store_definition(Oid relid, Query *query, const std::vector<translate::SourceRef> &sources)
{
    call([=] {
        definition::store_query(relid, query);
        keep_text_true(relid, query);
        state::remove_dependencies(relid);
    });
    /* A query may read an inheritance parent both with and without its children, but pgt_dependency has one
     * row for each source. */
    std::vector<Oid> stored;
    for (const translate::SourceRef &source : sources) {
        if (std::find(stored.begin(), stored.end(), source.relid) != stored.end())
            continue;
        std::set<AttrNumber> columns;
        for (const translate::SourceRef &other : sources)
            if (other.relid == source.relid)
                columns.insert(other.columns.begin(), other.columns.end());
        const std::vector<AttrNumber> all(columns.begin(), columns.end());
        call([&] {
            state::insert_dependency(relid, source.relid, static_cast<int>(stored.size()), all.data(),
                                     static_cast<int>(all.size()), source.is_captured);
        });
        stored.push_back(source.relid);
    }
}

/* Replaces the definition, and what `replace_contents` replaces and returns whether the stream table has rows then. */
template <class ReplaceContents>
void replace_definition(Oid relid, Query *query, const std::vector<translate::SourceRef> &sources,
                        ReplaceContents replace_contents)
{
    state::StateRow before;
    (void)state::read(relid, &before);
    std::vector<Oid> reads, captured;
    for (const translate::SourceRef &source : sources) {
        reads.push_back(source.relid);
        if (source.is_captured)
            captured.push_back(source.relid);
    }
    check_for_cycle(relid, reads);
    std::vector<Oid> old_sources = state::to_vector(call([=] { return state::sources_of(relid); }));
    store_definition(relid, query, sources);
    const bool is_populated = replace_contents();
    /* The heaps are replaced without logging a change, so the dependents must start from nothing. */
    call([=] { capture::write_marker(relid, "the definition of a stream table that it reads was changed"); });
    mailbox::note_change(relid);
    const bool was_suspended = before.status == state::Status::suspended;
    mailbox::note_state(relid, {is_populated, was_suspended});
    for (Oid source : old_sources)
        if (std::find(captured.begin(), captured.end(), source) == captured.end())
            call([=] { capture::release(source); });
}

} // namespace

void set_up(Oid relid, Query *query, const std::vector<translate::SourceRef> &sources, Oid tablespace)
{
    store_definition(relid, query, sources);
    call([=] { state::insert(relid); });
    create_heaps(relid, tablespace);
}

void set_up_successor(Oid successor, Query *query, const std::vector<translate::SourceRef> &sources, Oid relid)
{
    store_definition(successor, query, sources);
    call([=] { state::insert(successor); });
    create_heaps_of_successor(successor, relid);
}

void replace_setup(Oid relid, Query *query, const std::vector<translate::SourceRef> &sources)
{
    replace_definition(relid, query, sources, [=] {
        call([=] {
            state::bump_generation(relid);
            state::set_unpopulated(relid);
        });
        replace_heaps(relid);
        return false;
    });
}

void take_over(Oid relid, const Successor &successor, Query *query, const std::vector<translate::SourceRef> &sources,
               const std::vector<state::MarkId> &marks)
{
    replace_definition(relid, query, sources, [&] {
        call([&] {
            state::bump_generation(relid);
            state::remove_applied_marks(relid, marks.data(), static_cast<int>(marks.size()));
            state::take_over(relid, successor.relid);
        });
        mailbox::record_take_over(relid, successor.relid);
        take_over_heaps(relid, successor);
        return true;
    });
    drop_successor(successor.relid);
}

void follow_labels_of_partitions(Oid relid)
{
    PartitionBy by = definition::load(relid).partition_by;
    const List *labels = call([=] { return storage::labels_of_partitions(storage::storage_of(relid)); });
    if (by.strategy != PartitionBy::Strategy::list || list_length(labels) == 0)
        return;
    std::vector<std::string> values;
    for (int i = 0; i < list_length(labels); i++)
        values.emplace_back(static_cast<char *>(list_nth(labels, i)));
    if (std::ranges::is_permutation(values, by.values))
        return;
    by.values = values;
    const std::string text = by.text();
    call([&] { write_option(relid, "partition_by", text.c_str(), DEFELEM_SET); });
}

void rebuild_storage(Oid relid)
{
    /* An active snapshot is required to write catalog rows with long values (TOAST). */
    call([=] {
        LockRelationOid(relid, AccessExclusiveLock);
        PushActiveSnapshot(GetLatestSnapshot());
    });
    follow_labels_of_partitions(relid);
    Definition definition = definition::load(relid);
    AsOwner as_owner(definition.owner, Sharing::all);
    Query *query = call([=] { return definition::query_of(relid); });
    record_further_settings(relid, query);
    replace_setup(
        relid, query,
        plan_maintenance(definition.name, query, {}, definition.mode, definition.owner, DeniedCapture::is_accepted));
    mailbox::note_definition_change();
    call([] { PopActiveSnapshot(); });
}

void capture_sources(Oid relid, const std::vector<translate::SourceRef> &sources)
{
    std::vector<capture::WantedSource> wanted;
    for (const translate::SourceRef &source : sources)
        if (source.is_captured)
            wanted.push_back({source.relid, source.columns});
    capture::begin_capture(wanted, call([=] { return owner_of_relation(relid); }));
}

} // namespace pgtrickle::setup
