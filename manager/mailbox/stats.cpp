#include "mailbox/stats.hpp"

#include "mailbox/shared.hpp"

namespace pgtrickle::mailbox {

MailboxStats stats() noexcept
{
    MailboxStats stats;
    if (!is_available())
        return stats;
    stats.launcher_pid = shared->launcher_pid.load();
    stats.manager_pid = manager_pid_of(MyDatabaseId);
    stats.readings_room = shared->cell_count;
    stats.stream_table_room = shared->cell_count / cells_per_stream_table;
    LWLockAcquire(shared->entry_lock, LW_SHARED);
    stats.stream_tables = hash_get_num_entries(entries);
    stats.readings_free = shared->cell_count - shared->used_cell_count;
    for (int32_t cell = shared->free_cell; cell != no_cell; cell = cells[cell].next)
        stats.readings_free++;
    LWLockRelease(shared->entry_lock);
    return stats;
}

} // namespace pgtrickle::mailbox
