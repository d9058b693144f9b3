#include "fdw/scan/served_relation.hpp"

#include "definition/definition.hpp"
#include "definition/guc.hpp"
#include "definition/option_row.hpp"
#include "definition/options.hpp"
#include "definition/query/output_columns.hpp"
#include "definition/state/state.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/context.hpp"
#include "pg/invalidation_listeners.hpp"
#include "pg/relation_row.hpp"
#include "storage/storage.hpp"
#include "translate/check/dependence.hpp"
#include "translate/translate.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_inherits.h"
#include "storage/lmgr.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

#include <algorithm>
#include <cstring>

namespace pgtrickle {

namespace {

struct KnownStorage {
    Oid heap; /* the key */
    Oid relid;
};

/* Both live as long as the backend, with all entries. */
HTAB *served_relations = nullptr;     /* of ServedRelation */
HTAB *known_storages = nullptr;       /* of KnownStorage, for the entries that have had a storage */
ServedRelation *found_last = nullptr; /* one of a statement is looked up about ten times */

RefreshMode mode_of(Oid relid)
{
    const char *text = option_of(relid, "refresh_mode");
    return text == nullptr ? RefreshMode::automatic : enter([=] { return options::parse_mode(text); });
}

scheduler::Schedule schedule_of(Oid relid, RefreshMode mode)
{
    auto value_of = [=](const char *name, const char *without) {
        const char *value = option_of(relid, name);
        return value != nullptr ? value : without;
    };
    const char *text = value_of("schedule", "calculated"), *tier = value_of("tier", "hot");
    return enter([=] { return options::schedule_in_force(text, tier, mode); });
}

bool is_hidden(const char *column)
{
    return strncmp(column, "pgt_", 4) == 0;
}

[[noreturn]] void raise_misfit(Relation table)
{
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("storage of stream table \"%s\" does not match its columns", RelationGetRelationName(table)),
                    errhint("Run pgtrickle.repair_stream_table() on it.")));
}

/* A column declared without a type modifier accepts values with any, including the results of a query that
 * has one. */
bool is_same_column(Form_pg_attribute declared, Form_pg_attribute stored)
{
    return declared->atttypid == stored->atttypid &&
           (declared->atttypmod == -1 || declared->atttypmod == stored->atttypmod) &&
           declared->attcollation == stored->attcollation &&
           strcmp(NameStr(declared->attname), NameStr(stored->attname)) == 0;
}

/* Sets columns[i] to the storage's column for column i of the foreign table, or to 0 if that column is
 * dropped: the k-th live column of the foreign table is the k-th declared column of the storage. Returns
 * false if the columns do not match. */
bool match_columns(TupleDesc declared, TupleDesc stored, AttrNumber *columns)
{
    int next = 0;
    for (int i = 0; i < declared->natts; i++) {
        Form_pg_attribute column = TupleDescAttr(declared, i);
        columns[i] = 0;
        while (next < stored->natts && TupleDescAttr(stored, next)->attisdropped)
            next++;
        if (column->attisdropped) {
            next +=
                next < stored->natts && definition::is_dropped_column(NameStr(TupleDescAttr(stored, next)->attname));
            continue;
        }
        if (next == stored->natts || !is_same_column(column, TupleDescAttr(stored, next)))
            return false;
        columns[i] = static_cast<AttrNumber>(++next);
    }
    for (; next < stored->natts; next++)
        if (!TupleDescAttr(stored, next)->attisdropped && !is_hidden(NameStr(TupleDescAttr(stored, next)->attname)))
            return false;
    return true;
}

void set_columns(ServedRelation *entry, Relation table, Relation storage)
{
    TupleDesc declared = RelationGetDescr(table);
    entry->column_count = declared->natts;
    entry->columns = static_cast<AttrNumber *>(
        MemoryContextAllocZero(CacheMemoryContext, sizeof(AttrNumber) * (declared->natts + 1)));
    for (int i = 0; i < declared->natts; i++)
        entry->has_dropped_columns |= TupleDescAttr(declared, i)->attisdropped;
    if (!match_columns(declared, RelationGetDescr(storage), entry->columns))
        raise_misfit(table);
    entry->has_same_numbers = true;
    for (int i = 0; i < declared->natts; i++)
        entry->has_same_numbers &= entry->columns[i] == i + 1 || TupleDescAttr(declared, i)->attisdropped;
}

template <class Entry> Entry *find_in(HTAB *table, Oid key)
{
    return static_cast<Entry *>(hash_search(table, &key, HASH_FIND, nullptr));
}

void fill(ServedRelation *entry)
{
    Oid relid = entry->relid;
    /* Callers lock what a statement names, but not the upstreams of that, which could be dropped meanwhile. */
    entry->is_stream_table = definition::is_stream_table(relid) && definition::lock_if_exists(relid, AccessShareLock);
    if (!entry->is_stream_table)
        return;
    const RefreshMode mode = mode_of(relid);
    entry->schedule = schedule_of(relid, mode);
    entry->is_immediate = rules_of(mode).is_immediate;
    /* relhassubclass stays when the last child goes; a new one invalidates the entry. */
    entry->has_children = has_subclass(relid) && find_inheritance_children(relid, NoLock) != NIL;
    entry->storage = enter([=] { return storage::storage_of(relid); });
    Relation storage = OidIsValid(entry->storage) ? try_relation_open(entry->storage, AccessShareLock) : nullptr;
    if (storage == nullptr) {
        /* Creating the storage does not invalidate the foreign table, so this entry is not kept. */
        entry->storage = InvalidOid;
        entry->was_forgotten = true;
        return;
    }
    Relation table = relation_open(relid, NoLock);
    set_columns(entry, table, storage);
    relation_close(table, NoLock);
    relation_close(storage, NoLock);
    /* An invalidation of the storage finds the stream table. */
    static_cast<KnownStorage *>(hash_search(known_storages, &entry->storage, HASH_ENTER, nullptr))->relid = relid;
}

void forget(ServedRelation *entry)
{
    entry->is_valid = false;
    entry->was_forgotten = true;
}

void forget_if_known(Oid relid)
{
    if (auto *entry = find_in<ServedRelation>(served_relations, relid))
        forget(entry);
}

void on_invalidated_relation(Oid relid)
{
    if (served_relations == nullptr)
        return;
    if (!OidIsValid(relid)) {
        HASH_SEQ_STATUS scan;
        hash_seq_init(&scan, served_relations);
        while (auto *entry = static_cast<ServedRelation *>(hash_seq_search(&scan)))
            forget(entry);
        return;
    }
    forget_if_known(relid);
    /* The heap may have been dropped, and its OID be that of another relation. */
    if (const auto *storage = find_in<KnownStorage>(known_storages, relid))
        forget_if_known(storage->relid);
}

ServedRelation *look_up(Oid relid)
{
    if (found_last != nullptr && found_last->relid == relid && found_last->is_valid)
        return found_last;
    if (known_storages == nullptr)
        known_storages = new_session_table<Oid, KnownStorage>("storages of stream tables", 64);
    if (served_relations == nullptr)
        served_relations = new_session_table<Oid, ServedRelation>("stream table servings", 64);
    bool is_found;
    auto *entry = static_cast<ServedRelation *>(hash_search(served_relations, &relid, HASH_ENTER, &is_found));
    if (is_found && entry->is_valid)
        return found_last = entry;
    if (is_found && entry->columns != nullptr)
        pfree(entry->columns);
    *entry = {};
    entry->relid = relid;
    /* An invalidation that arrives while the entry is being filled must not be lost. */
    fill(entry);
    entry->is_valid = !entry->was_forgotten;
    return entry;
}

/* Returns the stream table of a storage whose entry is there; otherwise InvalidOid. */
Oid known_to_serve(Oid heap)
{
    if (served_relations == nullptr)
        return InvalidOid;
    if (found_last != nullptr && found_last->is_valid && found_last->storage == heap)
        return found_last->relid;
    const auto *storage = find_in<KnownStorage>(known_storages, heap);
    const auto *entry = storage != nullptr ? find_in<ServedRelation>(served_relations, storage->relid) : nullptr;
    return entry != nullptr && entry->is_valid && entry->storage == heap ? entry->relid : InvalidOid;
}

} // namespace

Oid served_from_storage(Oid heap)
{
    const Oid known = known_to_serve(heap);
    return OidIsValid(known) ? known : storage::served_from(heap);
}

bool is_storage_heap(Oid heap)
{
    return OidIsValid(known_to_serve(heap)) || storage::is_heap(heap);
}

const ServedRelation *find_served_relation(Oid relid)
{
    ServedRelation *entry = look_up(relid);
    return entry->is_stream_table ? entry : nullptr;
}

const ServedRelation *served_relation_to_read(Oid relid)
{
    guc::require_preload("read a stream table");
    const ServedRelation *entry = find_served_relation(relid);
    /* While the lock waits, another transaction may replace the storage. */
    for (;;) {
        Oid storage = entry != nullptr ? entry->storage : InvalidOid;
        if (!OidIsValid(storage)) {
            guc::require_stream_tables("read a stream table");
            ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                            errmsg("stream table \"%s\" has no storage", get_rel_name(relid)),
                            errhint("Run pgtrickle.repair_stream_table() on it.")));
        }
        LockRelationOid(storage, AccessShareLock);
        entry = find_served_relation(relid);
        if (entry != nullptr && entry->storage == storage)
            return entry;
        UnlockRelationOid(storage, AccessShareLock);
    }
}

Oid *stream_tables_of(const PlannedStmt *plan, int *count)
{
    Oid *relids = nullptr;
    *count = 0;
    ListCell *cell;
    foreach (cell, plan->rtable) {
        auto *entry = static_cast<RangeTblEntry *>(lfirst(cell));
        if (entry->rtekind != RTE_RELATION || entry->relkind != RELKIND_FOREIGN_TABLE ||
            find_served_relation(entry->relid) == nullptr)
            continue;
        if (relids == nullptr)
            relids = static_cast<Oid *>(palloc(sizeof(Oid) * list_length(plan->rtable)));
        bool is_known = false;
        for (int i = 0; i < *count; i++)
            is_known |= relids[i] == entry->relid;
        if (!is_known)
            relids[(*count)++] = entry->relid;
    }
    return relids;
}

bool fits_its_storage(Oid relid)
{
    Relation table = relation_open(relid, AccessShareLock);
    Relation storage = relation_open(enter([=] { return storage::storage_of(relid); }), AccessShareLock);
    TupleDesc declared = RelationGetDescr(table);
    auto *columns = static_cast<AttrNumber *>(palloc(sizeof(AttrNumber) * (declared->natts + 1)));
    const bool is_fitting = match_columns(declared, RelationGetDescr(storage), columns);
    pfree(columns);
    relation_close(storage, NoLock);
    relation_close(table, NoLock);
    return is_fitting;
}

bool keeps_own_schedule(Oid relid)
{
    const ServedRelation *served = find_served_relation(relid);
    return served != nullptr && !served->schedule.is_on_change();
}

namespace {

/* Returns the entry with what functions of the query may depend on; null if there is none. */
const ServedRelation *look_up_dependence(Oid relid)
{
    if (!look_up(relid)->is_stream_table)
        return nullptr;
    if (!look_up(relid)->is_time_dependence_known) {
        if (!definition::lock_if_exists(relid, AccessShareLock))
            return nullptr;
        bool may_read_tables = false;
        const bool is_found = enter([=, &may_read_tables] {
            const translate::TimeDependence found =
                translate::time_dependence_of(call([=] { return definition::query_of(relid); }));
            may_read_tables = found.may_read_tables;
            return found.is_volatile || found.is_now_dependent ||
                   definition::load(relid).uncaptured_source() != nullptr;
        });
        ServedRelation *entry = look_up(relid);
        entry->is_time_dependent = is_found;
        entry->may_read_tables = may_read_tables;
        entry->is_time_dependence_known = true;
        UnlockRelationOid(relid, AccessShareLock);
    }
    return look_up(relid);
}

/* Whether row-level security is enabled for a table that the query reads. */
bool reads_with_policies(Oid relid)
{
    return enter([=] {
        const std::vector<Source> sources = definition::sources_of(relid);
        return std::any_of(sources.begin(), sources.end(),
                           [](const Source &source) { return call([&] { return has_row_security(source.relid); }); });
    });
}

/* Whether the snapshot sees the rows of the last refresh, as of which the mailbox knows the roles. */
bool sees_last_refresh(Oid relid, Snapshot snapshot)
{
    return state::visible_row(relid, snapshot).data_timestamp == state::visible_row(relid).data_timestamp;
}

} // namespace

bool is_time_dependent(Oid relid)
{
    const ServedRelation *entry = look_up_dependence(relid);
    return entry != nullptr && entry->is_time_dependent;
}

bool may_differ_without_change(Oid relid, Snapshot snapshot)
{
    if (is_time_dependent(relid))
        return true;
    const bool may_lack = mailbox::may_lack_roles(relid); /* before sees_last_refresh(): one may be committed now */
    return reads_with_policies(relid) && (may_lack || !sees_last_refresh(relid, snapshot));
}

bool may_read_unknown_tables(Oid relid)
{
    const ServedRelation *entry = look_up_dependence(relid);
    return entry != nullptr && entry->may_read_tables;
}

void register_served_relations()
{
    listen_to_relations(on_invalidated_relation);
}

} // namespace pgtrickle
