#include "mailbox/zone.hpp"

#include "mailbox/shared.hpp"

namespace pgtrickle::mailbox {

void publish_zone(const char *name) noexcept
{
    if (!is_available())
        return;
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    if (ManagerSlot *slot = find_manager(MyDatabaseId))
        strlcpy(slot->zone, name, zone_name_size);
    LWLockRelease(shared->request_lock);
}

bool copy_zone(char (&name)[zone_name_size]) noexcept
{
    name[0] = '\0';
    if (!is_available())
        return false;
    LWLockAcquire(shared->request_lock, LW_SHARED);
    if (ManagerSlot *slot = find_manager(MyDatabaseId))
        strlcpy(name, slot->zone, zone_name_size);
    LWLockRelease(shared->request_lock);
    return name[0] != '\0';
}

} // namespace pgtrickle::mailbox
