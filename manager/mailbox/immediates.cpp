/*
 * The stream tables of mode IMMEDIATE, of all databases: a writer asks at its commit whether it has changed a source of
 * one. Where there is none, the question costs it one look into shared memory.
 */
#include "mailbox/shared.hpp"

#include <algorithm>

namespace pgtrickle::mailbox {

void set_immediate(const EntryKey &key, bool is_immediate) noexcept
{
    const int count = shared->immediate_count.load();
    EntryKey *const end = shared->immediates + count;
    EntryKey *const known = std::find_if(shared->immediates, end, [&](const EntryKey &one) {
        return one.database == key.database && one.relid == key.relid;
    });
    if (known == end && is_immediate && count < most_immediates) {
        *end = key;
        shared->immediate_count.store(count + 1);
    } else if (known != end && !is_immediate) {
        *known = end[-1];
        shared->immediate_count.store(count - 1);
    }
}

void leave_to_manager(Oid relid) noexcept
{
    LWLockAcquire(shared->entry_lock, LW_EXCLUSIVE);
    set_immediate({MyDatabaseId, relid}, false);
    LWLockRelease(shared->entry_lock);
}

int changed_immediates(Oid (&found)[most_immediates]) noexcept
{
    if (!is_available() || shared->immediate_count.load() == 0 || !has_changed_any())
        return 0;
    int count = 0;
    LWLockAcquire(shared->entry_lock, LW_SHARED);
    for (int i = 0; i < shared->immediate_count.load(); i++)
        if (shared->immediates[i].database == MyDatabaseId)
            found[count++] = shared->immediates[i].relid;
    LWLockRelease(shared->entry_lock);
    Oid *const end = std::remove_if(found, found + count, [](Oid relid) { return !own_effects(relid).has_changes; });
    std::sort(found, end);
    return static_cast<int>(end - found);
}

} // namespace pgtrickle::mailbox
