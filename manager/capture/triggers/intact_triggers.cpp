#include "capture/triggers/intact_triggers.hpp"

#include "capture/source/inheritance.hpp"
#include "capture/source/source_kind.hpp"
#include "capture/triggers/trigger_setup.hpp"
#include "mailbox/mailbox.hpp"
#include "pg/context.hpp"
#include "pg/invalidation_listeners.hpp"

extern "C" {
#include "storage/lmgr.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
}

/* PostgreSQL frames: nothing in this file has a destructor. */

namespace pgtrickle::capture {

namespace {

struct Known {
    Oid source;
    List *relations; /* around the source, in the order in which they are locked; NIL: nothing is known */
    uint64 as_of;    /* number of changes when they were looked at */
};

struct Watched {
    Oid relation;
    uint64 changed; /* number of the last change that concerned it */
};

HTAB *known_sources = nullptr;
HTAB *watched_relations = nullptr; /* created last */
uint64 changes = 0;
uint64 last_of_all = 0; /* the last change that concerned all relations */

void note_change(Oid relation)
{
    changes++;
    if (!OidIsValid(relation))
        last_of_all = changes;
    else if (auto *watched = static_cast<Watched *>(hash_search(watched_relations, &relation, HASH_FIND, nullptr)))
        watched->changed = changes;
}

void note_subscription(int, uint32)
{
    note_change(InvalidOid);
}

void create_tables()
{
    auto *sources = new_session_table<Oid, Known>("pg_trickle sources with all triggers", 64);
    watched_relations = new_session_table<Oid, Watched>("pg_trickle relations around sources", 256);
    listen_to_relations(note_change);
    listen_to_cache(SUBSCRIPTIONRELMAP, note_subscription);
    known_sources = sources; /* says that both are there */
}

bool is_unchanged(const Known *known)
{
    if (last_of_all > known->as_of)
        return false;
    ListCell *cell;
    foreach (cell, known->relations) {
        const Oid relation = lfirst_oid(cell);
        const auto *watched =
            static_cast<const Watched *>(hash_search(watched_relations, &relation, HASH_FIND, nullptr));
        if (watched == nullptr || watched->changed > known->as_of)
            return false;
    }
    return true;
}

/* Locks the relations, if they are known, and returns whether they are unchanged under the locks. */
bool lock_if_known(const Known *known)
{
    if (known->relations == NIL || !is_unchanged(known))
        return false;
    ListCell *cell;
    foreach (cell, known->relations)
        LockRelationOid(lfirst_oid(cell), AccessShareLock);
    return is_unchanged(known);
}

/* Watches the relations from now on, before they are looked at. */
void watch(const List *relations)
{
    ListCell *cell;
    foreach (cell, relations) {
        const Oid relation = lfirst_oid(cell);
        bool is_found;
        auto *watched = static_cast<Watched *>(hash_search(watched_relations, &relation, HASH_ENTER, &is_found));
        if (!is_found)
            watched->changed = changes;
    }
}

void remember(Known *known, const List *relations, uint64 as_of)
{
    MemoryContext previous = MemoryContextSwitchTo(CacheMemoryContext);
    list_free(known->relations);
    known->relations = NIL;
    known->relations = list_copy(relations);
    known->as_of = as_of;
    MemoryContextSwitchTo(previous);
}

bool have_all_triggers(const List *relations)
{
    ListCell *cell;
    foreach (cell, relations)
        if (is_table(lfirst_oid(cell)) && !has_all_triggers(lfirst_oid(cell)))
            return false;
    return true;
}

/* Returns what is known of the source, or may be from now on. */
Known *known_of(Oid source)
{
    bool is_found;
    auto *known = static_cast<Known *>(hash_search(known_sources, &source, HASH_ENTER, &is_found));
    if (!is_found)
        *known = {source, NIL, 0};
    return known;
}

} // namespace

bool lock_with_all_triggers(Oid source)
{
    if (!mailbox::is_available())
        return have_all_triggers(related_relations(source, AccessShareLock));
    if (watched_relations == nullptr)
        create_tables();
    if (lock_if_known(known_of(source)))
        return true;
    /* A relation that joins the tree while its relations are locked changes one of them, or is not watched yet. */
    const uint64 as_of = changes;
    const List *relations = related_relations(source, AccessShareLock);
    watch(relations);
    const bool have_all = have_all_triggers(relations);
    remember(known_of(source), have_all ? relations : NIL, as_of);
    return have_all;
}

} // namespace pgtrickle::capture
