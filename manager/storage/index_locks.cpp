#include "storage/index_locks.hpp"

#include "storage/storage.hpp"

extern "C" {
#include "access/relation.h"
#include "nodes/pg_list.h"
#include "storage/lmgr.h"
#include "utils/rel.h"
}

namespace pgtrickle::storage {

namespace {

/* Returns the indexes of a storage that this process has locked; none if it has been dropped. */
List *indexes_of(Oid storage)
{
    Relation heap = try_relation_open(storage, NoLock);
    if (heap == nullptr)
        return NIL;
    List *indexes = RelationGetIndexList(heap);
    relation_close(heap, NoLock);
    return indexes;
}

void unlock(const List *relations, int count)
{
    for (int i = 0; i < count; i++)
        UnlockRelationOid(list_nth_oid(relations, i), ShareUpdateExclusiveLock);
}

} // namespace

Oid lock_with_indexes_at_once(Oid storage)
{
    if (!ConditionalLockRelationOid(storage, ShareUpdateExclusiveLock))
        return storage;
    const List *all = lcons_oid(storage, indexes_of(storage));
    for (int i = 1; i < list_length(all); i++)
        if (!ConditionalLockRelationOid(list_nth_oid(all, i), ShareUpdateExclusiveLock)) {
            unlock(all, i);
            return list_nth_oid(all, i);
        }
    return InvalidOid;
}

void unlock_with_indexes(Oid storage)
{
    const List *all = lcons_oid(storage, indexes_of(storage));
    unlock(all, list_length(all));
}

void lock_with_storage(Oid relid)
{
    for (;;) {
        call([=] { LockRelationOid(relid, AccessExclusiveLock); });
        const Oid storage = storage_of(relid);
        const Oid locked = OidIsValid(storage) ? call([=] { return lock_with_indexes_at_once(storage); }) : InvalidOid;
        if (!OidIsValid(locked))
            return;
        call([=] {
            UnlockRelationOid(relid, AccessExclusiveLock);
            LockRelationOid(locked, ShareUpdateExclusiveLock);
            UnlockRelationOid(locked, ShareUpdateExclusiveLock);
        });
    }
}

} // namespace pgtrickle::storage
