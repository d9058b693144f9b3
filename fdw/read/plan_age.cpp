#include "fdw/read/plan_age.hpp"

#include "pg/context.hpp"
#include "pg/invalidation_listeners.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
}

namespace pgtrickle {

namespace {

struct Parent {
    Oid relid;
    uint64 changed_at; /* the count of changes with which it was altered; 0: not since it is watched */
};

constexpr int most_recent = 1024;

HTAB *parents = nullptr; /* null: nothing is watched yet */
long next_purge = most_recent;
Oid recent[most_recent]; /* the relation of each of the latest changes, by its count */
uint64 changes = 0;
uint64 all_changed_at = 0; /* the count when any relation may have been altered */

void note_change(Oid relation)
{
    changes++;
    recent[changes % most_recent] = relation;
    if (!OidIsValid(relation)) {
        all_changed_at = changes;
        return;
    }
    if (auto *parent = static_cast<Parent *>(hash_search(parents, &relation, HASH_FIND, nullptr)))
        parent->changed_at = changes;
}

/* Returns the count of the last change of a relation that was not watched, if it may be after `begun`; otherwise 0. */
uint64 change_since(Oid relid, uint64 begun)
{
    if (changes - begun >= most_recent)
        return changes;
    for (uint64 count = changes; count > begun; count--)
        if (recent[count % most_recent] == relid)
            return count;
    return 0;
}

/* Forgets relations that have been dropped, such as temporary tables. */
void purge()
{
    HASH_SEQ_STATUS entries;
    hash_seq_init(&entries, parents);
    while (auto *parent = static_cast<Parent *>(hash_seq_search(&entries)))
        if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(parent->relid)))
            (void)hash_search(parents, &parent->relid, HASH_REMOVE, nullptr);
    next_purge = 2 * hash_get_num_entries(parents) + most_recent;
}

void watch(Oid relid, uint64 begun)
{
    bool is_found;
    auto *parent = static_cast<Parent *>(hash_search(parents, &relid, HASH_ENTER, &is_found));
    if (!is_found)
        parent->changed_at = change_since(relid, begun);
}

/* Any table can get its first child. */
bool can_be_parent(const RangeTblEntry *entry)
{
    return entry->rtekind == RTE_RELATION && entry->relkind != RELKIND_VIEW;
}

void begin_watching()
{
    parents = new_session_table<Oid, Parent>("pg_trickle parents", 64);
    listen_to_relations(note_change);
}

} // namespace

uint64 count_of_relation_changes()
{
    if (parents == nullptr)
        begin_watching();
    return changes;
}

void watch_parents(const PlannedStmt *plan, uint64 begun)
{
    if (hash_get_num_entries(parents) > next_purge)
        purge();
    ListCell *cell;
    foreach (cell, plan->rtable)
        if (const auto *entry = lfirst_node(RangeTblEntry, cell); can_be_parent(entry))
            watch(entry->relid, begun);
}

bool is_older_than_children(const PlannedStmt *plan, uint64 begun)
{
    AcceptInvalidationMessages();
    if (parents == nullptr || changes == begun)
        return false;
    ListCell *cell;
    foreach (cell, plan->rtable) {
        const auto *entry = lfirst_node(RangeTblEntry, cell);
        if (!can_be_parent(entry))
            continue;
        const auto *parent = static_cast<const Parent *>(hash_search(parents, &entry->relid, HASH_FIND, nullptr));
        const bool is_altered = parent == nullptr || parent->changed_at > begun || all_changed_at > begun;
        if (is_altered && has_subclass(entry->relid))
            return true;
    }
    return false;
}

} // namespace pgtrickle
