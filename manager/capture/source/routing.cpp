#include "capture/source/routing.hpp"

#include "capture/source/inheritance.hpp"
#include "capture/source/own_triggers.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/context.hpp"
#include "pg/invalidation_listeners.hpp"

extern "C" {
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_inherits.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

struct Entry {
    Oid relid;
    Targets *targets; /* complete */
};

HTAB *known = nullptr;
uint64 invalidations = 0; /* number of calls of forget_targets() */

void forget_targets(Oid relid)
{
    invalidations++;
    if (relid != InvalidOid) {
        auto *entry = static_cast<Entry *>(hash_search(known, &relid, HASH_FIND, nullptr));
        if (entry != nullptr)
            entry->targets->is_valid = false;
        return;
    }
    HASH_SEQ_STATUS status;
    hash_seq_init(&status, known);
    while (auto *entry = static_cast<Entry *>(hash_seq_search(&status)))
        entry->targets->is_valid = false;
}

void create_table()
{
    known = new_session_table<Oid, Entry>("pg_trickle capture targets", 64);
    listen_to_relations(forget_targets);
}

/* Returns the number of the column `name` in `desc`; 0 if there is none. */
AttrNumber column_named(TupleDesc desc, const char *name)
{
    for (int i = 0; i < desc->natts; i++) {
        Form_pg_attribute att = TupleDescAttr(desc, i);
        if (!att->attisdropped && strcmp(NameStr(att->attname), name) == 0)
            return att->attnum;
    }
    return 0;
}

/* As column_name(), but for the relation that is written, which is open, without the catalogs. */
const char *column_name_of(Relation written, Oid source, AttrNumber attnum)
{
    if (source != RelationGetRelid(written))
        return column_name(source, attnum);
    const FormData_pg_attribute *column = column_numbered(RelationGetDescr(written), attnum);
    return column != nullptr ? NameStr(column->attname) : nullptr;
}

/* Whether the captured source is captured by row triggers. */
bool needs_rows(Oid source, const Format *format)
{
    for (int i = 0; i < format->column_count; i++)
        if (format->attnums[i] == table_oid_column)
            return true;
    return get_rel_relkind(source) == RELKIND_RELATION && is_written_from_outside(source, NIL);
}

/* Fills `target` for changes of `source` that are written through `written`. Returns false if the source is
 * not captured. Locks no relation that the writer does not: its columns change only while all writers of its tree are
 * locked out, or with a marker. */
bool fill_target(Relation written, Oid source_oid, Target *target)
{
    SourceRow row;
    if (!find_source(source_oid, &row) || !row.is_active)
        return false;
    Format *format = find_format(source_oid, row.version);
    if (format == nullptr)
        return false;
    *target = {};
    if (!mailbox::is_available())
        target->obstacle = "it was written while pg_trickle was not preloaded";
    target->source = source_oid;
    target->written = RelationGetRelid(written);
    target->is_by_rows = needs_rows(source_oid, format);
    target->segment = row.segments[row.current_segment];
    target->version = row.version;
    target->column_count = format->column_count;
    target->packed = format->packed;
    target->attnums = static_cast<AttrNumber *>(palloc0(sizeof(AttrNumber) * (format->column_count + 1)));

    const TupleDesc from = RelationGetDescr(written);
    for (int i = 0; i < format->column_count; i++) {
        AttrNumber attnum = format->attnums[i];
        const char *wanted = attnum < 0 ? "" : column_name_of(written, source_oid, attnum);
        if (wanted == nullptr)
            continue; /* the column was dropped, so no query reads it */
        AttrNumber found = attnum < 0 || source_oid == RelationGetRelid(written) ? attnum : column_named(from, wanted);
        if (found == 0 || column_numbered(from, found)->atttypid != format->types[i])
            target->obstacle = "the type of one of its columns was changed";
        target->attnums[i] = found;
        target->highest = target->highest > found ? target->highest : found;
    }
    return true;
}

/* Adds `written` and its ancestors: each row of `written` is a change of these sources. */
void build_above(Relation written, Targets *entry)
{
    List *above = lcons_oid(entry->relid, ancestors_of(entry->relid));
    entry->row_items = static_cast<Target *>(palloc0(sizeof(Target) * list_length(above)));
    entry->items = static_cast<Target *>(palloc0(sizeof(Target) * list_length(above)));
    ListCell *cell;
    foreach (cell, above) {
        Target *target = &entry->row_items[entry->row_count];
        if (!fill_target(written, lfirst_oid(cell), target))
            continue;
        entry->row_count++;
        entry->touched = lappend_oid(entry->touched, target->source);
        if (!target->is_by_rows)
            entry->items[entry->count++] = *target;
    }
}

int compare_targets(const void *a, const void *b)
{
    return oid_cmp(&static_cast<const Target *>(a)->source, &static_cast<const Target *>(b)->source);
}

/* Adds the descendants of `written`, and the ancestors of these. */
void build_below(Relation written, Targets *entry, List *below)
{
    const bool is_partitioned = written->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
    ListCell *cell, *above;
    foreach (cell, below) {
        foreach (above, lcons_oid(lfirst_oid(cell), ancestors_of(lfirst_oid(cell)))) {
            SourceRow row;
            if (find_source(lfirst_oid(above), &row) && row.is_active)
                entry->touched = list_append_unique_oid(entry->touched, row.relid);
        }
        if (!is_partitioned || !fill_target(written, lfirst_oid(cell), &entry->below[entry->below_count]) ||
            entry->below[entry->below_count].is_by_rows)
            continue;
        entry->below_count++;
        entry->split = list_concat(entry->split, ancestors_of(lfirst_oid(cell)));
    }
    qsort(entry->below, entry->below_count, sizeof(Target), compare_targets);
    list_sort(entry->split, list_oid_cmp);
    list_deduplicate_oid(entry->split);
}

/* Returns the events of which a statement on `written` may log the rows itself: into logs that statement triggers
 * write, and that get no markers. */
int16 find_direct_events(Relation written, const Targets *entry)
{
    bool is_for_statements = written->rd_rel->relkind == RELKIND_RELATION && !written->rd_rel->relhassubclass &&
                             entry->count > 0 && entry->count == entry->row_count;
    for (int i = 0; i < entry->count; i++)
        is_for_statements = is_for_statements && entry->items[i].obstacle == nullptr;
    return is_for_statements ? events_of_own_triggers(written) : static_cast<int16>(0);
}

/* Returns the targets of `written`, in a memory context of their own below CurrentMemoryContext, without holders. */
Targets *build(Relation written)
{
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "pg_trickle capture target", ALLOCSET_SMALL_SIZES);
    MemoryContext old_context = MemoryContextSwitchTo(memory);
    auto *targets = static_cast<Targets *>(palloc0(sizeof(Targets)));
    targets->relid = RelationGetRelid(written);
    targets->memory = memory;
    List *below = NIL;
    if (written->rd_rel->relhassubclass)
        below = list_delete_oid(tree_of(targets->relid, NoLock), targets->relid);
    targets->below = static_cast<Target *>(palloc0(sizeof(Target) * (list_length(below) + 1)));
    build_above(written, targets);
    build_below(written, targets, below);
    /* The rows of that partition are no changes of the sources above it any more; but a statement under an old snapshot
     * may write to it. */
    if (below != NIL && has_detaching_partition(targets->relid))
        for (int i = 0; i < targets->count + targets->below_count; i++)
            (i < targets->count ? targets->items[i] : targets->below[i - targets->count]).obstacle =
                "a partition of it was being detached";
    targets->direct_events = find_direct_events(written, targets);
    targets->of_rows = targets->direct_events != 0 ? triggers_of_rows(written) : nullptr;
    MemoryContextSwitchTo(old_context);
    return targets;
}

void release_held(void *held)
{
    release(static_cast<const Targets *>(held));
}

/* Removes entries of relations that no longer exist. */
void remove_dropped()
{
    HASH_SEQ_STATUS status;
    hash_seq_init(&status, known);
    while (auto *entry = static_cast<Entry *>(hash_seq_search(&status))) {
        if (entry->targets->is_valid || SearchSysCacheExists1(RELOID, ObjectIdGetDatum(entry->relid)))
            continue;
        release(entry->targets);
        hash_search(known, &entry->relid, HASH_REMOVE, nullptr);
    }
}

/* Puts complete targets into the table. */
void cache(Targets *targets, bool is_valid)
{
    bool found;
    auto *entry = static_cast<Entry *>(hash_search(known, &targets->relid, HASH_ENTER, &found));
    if (found)
        release(entry->targets);
    MemoryContextSetParent(targets->memory, CacheMemoryContext);
    targets->holders = 1;
    targets->is_valid = is_valid;
    *entry = {targets->relid, targets};
    if (!found)
        remove_dropped();
}

} // namespace

bool is_written_from_outside(Oid source, const List *without)
{
    ListCell *cell, *above;
    List *tree = tree_of(source, NoLock);
    foreach (cell, tree) {
        if (list_member_oid(without, lfirst_oid(cell)) || get_rel_relispartition(lfirst_oid(cell)))
            continue;
        foreach (above, ancestors_of(lfirst_oid(cell)))
            if (!list_member_oid(tree, lfirst_oid(above)))
                return true;
    }
    return false;
}

bool is_captured_by_rows(Oid source)
{
    SourceRow row;
    if (!find_source(source, &row) || !row.is_active)
        return false;
    const Format *format = find_format(source, row.version);
    return format != nullptr && needs_rows(source, format);
}

const Targets *find_targets(Relation relation)
{
    if (known == nullptr)
        create_table();
    const Oid relid = RelationGetRelid(relation);
    const auto *entry = static_cast<const Entry *>(hash_search(known, &relid, HASH_FIND, nullptr));
    if (entry != nullptr && entry->targets->is_valid)
        return entry->targets;
    /* If an invalidation arrives meanwhile, the answer is valid for this statement, which has held its lock since
     * before, and not for the next one. */
    const uint64 invalidations_before = invalidations;
    Targets *targets = build(relation);
    cache(targets, invalidations == invalidations_before);
    return targets;
}

void hold(const Targets *targets)
{
    auto *callback = static_cast<MemoryContextCallback *>(palloc(sizeof(MemoryContextCallback)));
    *callback = {release_held, const_cast<Targets *>(targets), nullptr};
    MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
    keep(targets);
}

void keep(const Targets *targets)
{
    const_cast<Targets *>(targets)->holders++;
}

void release(const Targets *targets)
{
    if (--const_cast<Targets *>(targets)->holders == 0)
        MemoryContextDelete(targets->memory);
}

const Targets *hold_targets(Relation relation)
{
    const Targets *targets = find_targets(relation);
    hold(targets);
    return targets;
}

const Target *target_below(const Targets *targets, Oid source)
{
    Target wanted = {};
    wanted.source = source;
    const auto *found = static_cast<const Target *>(
        bsearch(&wanted, targets->below, targets->below_count, sizeof(Target), compare_targets));
    return found == nullptr || found->obstacle != nullptr ? nullptr : found;
}

bool has_target_below(const Targets *targets, Oid partition)
{
    return list_member_oid(targets->split, partition);
}

void invalidate_targets(Oid relid)
{
    ListCell *cell;
    foreach (cell, related_relations(relid, NoLock))
        invalidate_if_exists(lfirst_oid(cell));
}

} // namespace pgtrickle::capture
