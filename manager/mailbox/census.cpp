#include "mailbox/census.hpp"

#include "mailbox/shared.hpp"

namespace pgtrickle::mailbox {

Census census() noexcept
{
    Census census;
    if (!is_available())
        return census;
    census.launcher_pid = shared->launcher_pid.load();
    census.manager_pid = manager_pid_of(MyDatabaseId);
    census.readings_room = shared->cell_count;
    census.stream_table_room = shared->cell_count / cells_per_stream_table;
    LWLockAcquire(shared->entry_lock, LW_SHARED);
    census.stream_tables = hash_get_num_entries(entries);
    for (int32_t cell = shared->free_cell; cell != no_cell; cell = cells[cell].next)
        census.readings_free++;
    LWLockRelease(shared->entry_lock);
    return census;
}

} // namespace pgtrickle::mailbox
