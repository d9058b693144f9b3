/*
 * The locks under which the capture of sources begins, on several sources at once.
 *
 * A process that waits for one of the locks holds none of the others, so that neither a writer of two sources
 * nor a process that captures them in another order can deadlock with it. Writers that never pause could
 * prevent success forever, so after some rounds the locks are waited for in the order of OIDs.
 *
 * PostgreSQL frames: nothing in this file has a destructor.
 */
#include "capture/source/source_locks.hpp"
#include "capture/source/inheritance.hpp"
#include "capture/source/source_kind.hpp"
#include "capture/source/source_rows.hpp"
#include "definition/state/state.hpp"
#include "definition/stream_table.hpp"
#include "pg/lock_chain.hpp"

extern "C" {
#include "miscadmin.h"
#include "storage/lmgr.h"
}

namespace pgtrickle::capture {

namespace {

constexpr int most_rounds = 20;

List *relations_to_lock(const List *sources)
{
    List *relations = NIL;
    ListCell *cell;
    foreach (cell, sources)
        if (definition::is_stream_table(lfirst_oid(cell)))
            relations = list_append_unique_oid(relations, lfirst_oid(cell));
        else if (!definition::is_compared(lfirst_oid(cell)))
            relations = list_concat_unique_oid(relations, related_relations(lfirst_oid(cell), NoLock));
    list_sort(relations, list_oid_cmp);
    return relations;
}

/* Locks all relations, of which `held` is locked already, or none. Returns the relation that could not be
 * locked at once; InvalidOid if all are locked. */
Oid try_to_lock(const List *relations, Oid held)
{
    ListCell *cell;
    foreach (cell, relations) {
        const Oid relation = lfirst_oid(cell);
        if (relation == held || ConditionalLockRelationOid(relation, ShareRowExclusiveLock))
            continue;
        ListCell *taken;
        foreach (taken, relations) {
            if (lfirst_oid(taken) == relation)
                break;
            if (lfirst_oid(taken) != held)
                UnlockRelationOid(lfirst_oid(taken), ShareRowExclusiveLock);
        }
        if (OidIsValid(held))
            UnlockRelationOid(held, ShareRowExclusiveLock);
        return relation;
    }
    return InvalidOid;
}

} // namespace

void lock_sources(const List *sources)
{
    const List *relations = relations_to_lock(sources);
    Oid held = InvalidOid;
    for (int round = 0; round < most_rounds; round++) {
        const Oid busy = try_to_lock(relations, held);
        if (!OidIsValid(busy))
            return;
        LockRelationOid(busy, ShareRowExclusiveLock);
        held = busy;
    }
    ListCell *cell;
    foreach (cell, relations)
        LockRelationOid(lfirst_oid(cell), ShareRowExclusiveLock);
}

void wait_for_writers(const List *relations)
{
    List *tags = NIL;
    ListCell *cell;
    foreach (cell, relations) {
        auto *tag = static_cast<LOCKTAG *>(palloc(sizeof(LOCKTAG)));
        SET_LOCKTAG_RELATION(*tag, MyDatabaseId, lfirst_oid(cell));
        tags = lappend(tags, tag);
    }
    WaitForLockersMultiple(tags, ShareRowExclusiveLock, false);
}

void lock_out_refreshes(Oid child)
{
    const List *ancestors = ancestors_of(child);
    for (int i = list_length(ancestors) - 1; i >= 0; i--) {
        const Oid ancestor = list_nth_oid(ancestors, i);
        SourceRow row;
        if (find_source(ancestor, &row) || state::dependents_of(ancestor) != NIL)
            lock_tree(ancestor, ExclusiveLock);
    }
}

void lock_inheritance_tree(Oid source)
{
    if (is_table(source))
        lock_tree(source, ShareLock);
}

void await_added_relations(Oid source)
{
    if (is_table(source))
        await_invalidations_under(lock_of_tree(source));
}

bool lock_inheritance_tree_if_free(Oid source)
{
    return !is_table(source) || lock_tree_if_free(source, ShareLock);
}

} // namespace pgtrickle::capture
