/*
 * Which databases have a manager, request the start of one, or must not have one.
 *
 * A start request is made by a session that needs a manager and finds none, and by a manager that exits while
 * there is work. It stands until a manager has registered, whatever becomes of the processes that the
 * launcher starts: a process may never register, or the launcher may learn of its end long after. Blocks
 * belong to transactions that need the database without sessions; start requests outlast them.
 *
 * A slot belongs to a database as long as one of these holds. If there is no slot for a start request, the
 * request is lost, and the launcher learns only that one was: it then examines every database.
 */
#include "mailbox/manager_side.hpp"
#include "mailbox/shared.hpp"

extern "C" {
#include "storage/ipc.h"
}

namespace pgtrickle::mailbox {

namespace {

ManagerSlot *my_manager_slot = nullptr; /* in the manager */

/* The callers of the following functions hold request_lock, exclusively. */

bool is_to_be_started(const ManagerSlot &slot) noexcept
{
    return slot.database.load() != InvalidOid && slot.is_wanted && slot.blocks == 0;
}

extern "C" void pgtrickle_launcher_leaves(int, Datum)
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    shared->launcher_pid.store(0);
    for (int i = 0; i < shared->manager_count; i++) {
        ManagerSlot &slot = managers[i];
        if (!slot.is_wanted)
            continue;
        slot.is_wanted = false;
        answer_all(slot.database.load(), {Answer::no_manager, InvalidOid});
        free_if_idle(&slot);
    }
    LWLockRelease(shared->request_lock);
}

/* After this the slot may belong to another manager, or to another database. */
void leave_slot(bool is_to_be_replaced) noexcept
{
    my_manager_slot->pid.store(0);
    answer_all(MyDatabaseId, {Answer::no_manager, InvalidOid});
    stop_waiting(my_manager_slot);
    forget_own_workers();
    my_manager_slot->is_short_of_processes.store(0);
    if (is_to_be_replaced && shared->launcher_pid.load() != 0)
        my_manager_slot->is_wanted = true;
    free_if_idle(my_manager_slot);
    my_manager_slot = nullptr;
}

extern "C" void pgtrickle_manager_leaves(int, Datum)
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    if (my_manager_slot != nullptr)
        leave_slot(true);
    LWLockRelease(shared->request_lock);
    wake_launcher();
}

} // namespace

ManagerSlot *find_manager(Oid database) noexcept
{
    if (database == InvalidOid)
        return nullptr;
    for (int i = 0; i < shared->manager_count; i++) {
        if (managers[i].database.load(std::memory_order_relaxed) == database)
            return &managers[i];
    }
    return nullptr;
}

void free_if_idle(ManagerSlot *slot) noexcept
{
    if (slot->pid.load() == 0 && !slot->is_wanted && slot->blocks == 0)
        slot->database.store(InvalidOid);
}

ManagerSlot *find_or_make_manager(Oid database) noexcept
{
    ManagerSlot *slot = find_manager(database);
    for (int i = 0; slot == nullptr && i < shared->manager_count; i++) {
        if (managers[i].database.load() != InvalidOid)
            continue;
        slot = &managers[i];
        slot->is_wanted = false;
        slot->has_come = true;
        slot->blocks = 0;
        slot->has_changed_bits.store(0);
        slot->needs_full_check.store(0);
        slot->lacks_schedule.store(0);
        slot->has_requests.store(0);
        slot->waits_since = 0;
        slot->share_owner = InvalidOid;
        slot->is_short_of_processes.store(0);
        slot->is_asked_to_exit.store(0);
        slot->is_asked_for_room.store(0);
        slot->zone[0] = '\0';
        slot->database.store(database);
    }
    return slot;
}

bool request_start(Oid database) noexcept
{
    if (shared->launcher_pid.load() == 0)
        return false; /* the next launcher examines every database */
    ManagerSlot *slot = find_or_make_manager(database);
    if (slot == nullptr) {
        shared->has_lost_start_request.store(1);
        return false;
    }
    slot->is_wanted = true;
    return slot->blocks == 0;
}

void wake_launcher() noexcept
{
    shared->launcher_wakeups.fetch_add(1);
    if (shared->launcher_pid.load() != 0)
        wake_process(shared->launcher_process);
}

void announce_definition_change() noexcept
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    ManagerSlot *slot = find_manager(MyDatabaseId);
    bool has_manager = slot != nullptr && slot->pid.load() != 0;
    if (has_manager) {
        slot->definition_changes.fetch_add(1);
        wake_process(slot->process);
    } else {
        request_start(MyDatabaseId);
    }
    LWLockRelease(shared->request_lock);
    if (!has_manager)
        wake_launcher();
}

uint64_t settings_changes() noexcept
{
    return shared->settings_changes.load();
}

void announce_settings_change() noexcept
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    shared->settings_changes.fetch_add(1);
    for (int i = 0; i < shared->manager_count; i++) {
        if (managers[i].pid.load() == 0)
            continue;
        managers[i].definition_changes.fetch_add(1);
        wake_process(managers[i].process);
    }
    LWLockRelease(shared->request_lock);
}

int manager_pid_of(Oid database) noexcept
{
    if (!is_available())
        return 0;
    ManagerSlot *slot = find_manager(database);
    return slot != nullptr ? slot->pid.load() : 0;
}

/* ---- the launcher ---- */

void become_launcher()
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    shared->launcher_process = my_process();
    shared->launcher_pid.store(MyProcPid);
    LWLockRelease(shared->request_lock);
    before_shmem_exit(pgtrickle_launcher_leaves, 0);
}

uint32_t launcher_wakeups() noexcept
{
    return shared->launcher_wakeups.load();
}

std::vector<Oid> requested_managers() noexcept
{
    std::vector<Oid> requested;
    try {
        requested.reserve(shared->manager_count);
    } catch (...) {
        return requested;
    }
    LWLockAcquire(shared->request_lock, LW_SHARED);
    for (int i = 0; i < shared->manager_count; i++) {
        if (is_to_be_started(managers[i]))
            requested.push_back(managers[i].database.load());
    }
    LWLockRelease(shared->request_lock);
    return requested;
}

bool is_start_requested() noexcept
{
    bool is_any = false;
    LWLockAcquire(shared->request_lock, LW_SHARED);
    for (int i = 0; i < shared->manager_count && !is_any; i++)
        is_any = is_to_be_started(managers[i]);
    LWLockRelease(shared->request_lock);
    return is_any;
}

void settle_start_request(Oid database) noexcept
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    ManagerSlot *slot = find_manager(database);
    if (slot != nullptr && slot->is_wanted) {
        slot->is_wanted = false;
        if (slot->pid.load() == 0)
            answer_all(database, {Answer::no_manager, InvalidOid});
        free_if_idle(slot);
    }
    LWLockRelease(shared->request_lock);
}

bool expect_manager(Oid database) noexcept
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    ManagerSlot *slot = find_or_make_manager(database);
    if (slot != nullptr && slot->pid.load() == 0) {
        slot->is_wanted = true;
        slot->has_come = false;
    }
    LWLockRelease(shared->request_lock);
    return slot != nullptr;
}

bool has_come(Oid database) noexcept
{
    LWLockAcquire(shared->request_lock, LW_SHARED);
    ManagerSlot *slot = find_manager(database);
    bool has_come = slot == nullptr || slot->has_come;
    LWLockRelease(shared->request_lock);
    return has_come;
}

bool is_blocked(Oid database) noexcept
{
    LWLockAcquire(shared->request_lock, LW_SHARED);
    ManagerSlot *slot = find_manager(database);
    bool is_blocked = slot != nullptr && slot->blocks != 0;
    LWLockRelease(shared->request_lock);
    return is_blocked;
}

void ask_for_room(TimestampTz now, int64_t turn_us) noexcept
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    ManagerSlot *oldest = nullptr;
    for (int i = 0; i < shared->manager_count; i++) {
        ManagerSlot &slot = managers[i];
        if (slot.pid.load() == 0 || slot.is_asked_for_room.load() != 0)
            continue;
        /* A manager whose start is later than now started before the clock was set back. */
        bool has_had_turn = now >= slot.came_at + turn_us || now < slot.came_at;
        if (has_had_turn && (oldest == nullptr || slot.came_at < oldest->came_at))
            oldest = &slot;
    }
    if (oldest != nullptr) {
        oldest->is_asked_for_room.store(1);
        wake_process(oldest->process);
    }
    LWLockRelease(shared->request_lock);
}

void ask_to_leave(Oid database) noexcept
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    if (ManagerSlot *slot = find_manager(database); slot != nullptr && slot->pid.load() != 0) {
        slot->is_asked_for_room.store(1);
        wake_process(slot->process);
    }
    LWLockRelease(shared->request_lock);
}

void make_room() noexcept
{
    my_manager_slot->is_asked_for_room.store(1);
}

bool is_asked_for_room() noexcept
{
    return my_manager_slot->is_asked_for_room.load() != 0;
}

bool take_lost_start_request() noexcept
{
    return shared->has_lost_start_request.exchange(0) != 0;
}

bool take_registry_doubt() noexcept
{
    return shared->is_registry_doubtful.exchange(0) != 0;
}

void doubt_registry() noexcept
{
    shared->is_registry_doubtful.store(1);
    wake_launcher();
}

/* ---- the manager ---- */

bool become_manager()
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    ManagerSlot *slot = find_or_make_manager(MyDatabaseId);
    bool is_mine = slot != nullptr && slot->pid.load() == 0 && slot->blocks == 0;
    if (slot != nullptr) {
        slot->is_wanted = !is_mine && slot->pid.load() == 0;
        slot->has_come = true;
    }
    if (is_mine) {
        slot->process = my_process();
        slot->came_at = GetCurrentTimestamp();
        slot->is_asked_to_exit.store(0);
        slot->is_asked_for_room.store(0);
        slot->has_requests.store(1); /* requests that waited for a manager */
        slot->pid.store(MyProcPid);
        my_manager_slot = slot;
    }
    LWLockRelease(shared->request_lock);
    if (is_mine)
        before_shmem_exit(pgtrickle_manager_leaves, 0);
    return is_mine;
}

uint32_t definition_changes() noexcept
{
    return my_manager_slot->definition_changes.load();
}

bool retire(uint32_t changes_seen) noexcept
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    bool is_over = my_manager_slot->definition_changes.load() == changes_seen;
    if (is_over)
        leave_slot(false);
    LWLockRelease(shared->request_lock);
    return is_over;
}

ManagerSlot *own_manager_slot() noexcept
{
    return my_manager_slot;
}

} // namespace pgtrickle::mailbox
