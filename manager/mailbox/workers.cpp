/*
 * The refresh workers of all databases, and whose turn it is to refresh.
 *
 * A slot is free → taken (by a manager, for a worker that it starts) → come (by that process) →
 * free (when the process leaves, or its manager knows that it never came). The generation keeps who
 * is late from touching the slot of the next.
 *
 * Turns are not counted but looked up: they are the busy slots. So a process that dies has none, and
 * the sum cannot be wrong.
 */
#include "mailbox/manager_side.hpp"
#include "mailbox/shared.hpp"
#include "scheduler/turn.hpp"

extern "C" {
#include "storage/ipc.h"
}

#include <csignal>

namespace pgtrickle::mailbox {

namespace {

constexpr TimestampTz turn_grace_us = 200'000;

WorkerKey my_key; /* in a refresh worker */

WorkerSlot *find_worker(const WorkerKey &key) noexcept
{
    WorkerSlot &slot = workers[key.slot];
    return slot.generation == key.generation && slot.database != InvalidOid ? &slot : nullptr;
}

/* request_lock is held, exclusively, by the callers of the following. */

int busy_workers(Oid database) noexcept
{
    int count = 0;
    for (int i = 0; i < shared->manager_count; i++)
        count += workers[i].is_busy && (database == InvalidOid || workers[i].database == database);
    return count;
}

/* How many managers come before `mine`. */
int count_before(const ManagerSlot &mine, const scheduler::Waiting &turn, TimestampTz now) noexcept
{
    int count = 0;
    for (int i = 0; i < shared->manager_count; i++) {
        const ManagerSlot &other = managers[i];
        if (&other == &mine || other.database.load() == InvalidOid || other.waits_since == 0)
            continue;
        count += scheduler::comes_before({other.waits_since, busy_workers(other.database.load())}, turn, now);
    }
    return count;
}

void wake_waiting() noexcept
{
    shared->turn_came_at = GetCurrentTimestamp();
    for (int i = 0; i < shared->manager_count; i++) {
        if (managers[i].waits_since != 0 && managers[i].pid.load() != 0)
            wake_process(managers[i].process);
    }
}

bool take_turn(int limit) noexcept
{
    ManagerSlot *mine = own_manager_slot();
    TimestampTz now = GetCurrentTimestamp();
    TimestampTz since = mine->waits_since != 0 ? mine->waits_since : now;
    int free_turns = limit - busy_workers(InvalidOid);
    bool is_mine = free_turns > 0;
    /* Somebody who does not come when it is his turn must not stop everybody. */
    if (is_mine && now < shared->turn_came_at + turn_grace_us)
        is_mine = count_before(*mine, {since, busy_workers(MyDatabaseId)}, now) < free_turns;
    mine->waits_since = is_mine ? 0 : since;
    return is_mine;
}

void free_slot(WorkerSlot *slot) noexcept
{
    bool was_busy = slot->is_busy;
    slot->database = InvalidOid;
    slot->pid = 0;
    slot->is_busy = false;
    slot->is_asked_to_exit.store(0);
    if (was_busy)
        wake_waiting();
}

extern "C" void pgtrickle_worker_leaves(int, Datum)
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    if (WorkerSlot *slot = find_worker(my_key))
        free_slot(slot);
    my_key = {};
    LWLockRelease(shared->request_lock);
}

void wake_managers() noexcept
{
    LWLockAcquire(shared->request_lock, LW_SHARED);
    for (int i = 0; i < shared->manager_count; i++) {
        if (managers[i].pid.load() != 0 && managers[i].pid.load() != MyProcPid)
            wake_process(managers[i].process);
    }
    LWLockRelease(shared->request_lock);
}

} // namespace

void stop_waiting(ManagerSlot *slot) noexcept
{
    if (slot->waits_since == 0)
        return;
    slot->waits_since = 0;
    wake_waiting();
}

void send_workers_away(Oid database) noexcept
{
    for (int i = 0; i < shared->manager_count; i++) {
        WorkerSlot &slot = workers[i];
        if (slot.database != database)
            continue;
        slot.is_asked_to_exit.store(1);
        if (slot.pid == 0)
            continue;
        wake_process(slot.process);
        kill(slot.pid, SIGINT);
    }
}

void forget_own_workers() noexcept
{
    for (int i = 0; i < shared->manager_count; i++) {
        WorkerSlot &slot = workers[i];
        if (slot.database == MyDatabaseId && (slot.pid == 0 || slot.pid == MyProcPid))
            free_slot(&slot);
    }
}

WorkerKey admit_new(int limit) noexcept
{
    WorkerKey key;
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    for (int i = 0; i < shared->manager_count && !key.is_valid(); i++) {
        if (workers[i].database == InvalidOid)
            key = {i, workers[i].generation + 1};
    }
    bool is_barred = own_manager_slot()->is_asked_to_exit.load() != 0;
    if (key.is_valid() && !is_barred && take_turn(limit)) {
        WorkerSlot &slot = workers[key.slot];
        slot.generation = key.generation;
        slot.database = MyDatabaseId;
        slot.pid = 0;
        slot.is_busy = true;
        slot.is_asked_to_exit.store(0);
    } else {
        key = {};
    }
    LWLockRelease(shared->request_lock);
    return key;
}

bool admit(const WorkerKey &worker, int limit) noexcept
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    WorkerSlot *slot = find_worker(worker);
    bool is_admitted = slot != nullptr && take_turn(limit);
    if (is_admitted)
        slot->is_busy = true;
    LWLockRelease(shared->request_lock);
    return is_admitted;
}

void end_turn(const WorkerKey &worker) noexcept
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    if (WorkerSlot *slot = find_worker(worker)) {
        slot->is_busy = false;
        wake_waiting();
    }
    LWLockRelease(shared->request_lock);
}

void forget_worker(const WorkerKey &worker) noexcept
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    if (WorkerSlot *slot = find_worker(worker))
        free_slot(slot);
    LWLockRelease(shared->request_lock);
}

void want_no_turn() noexcept
{
    if (own_manager_slot()->waits_since == 0)
        return;
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    stop_waiting(own_manager_slot());
    LWLockRelease(shared->request_lock);
}

int pid_of(const WorkerKey &worker) noexcept
{
    LWLockAcquire(shared->request_lock, LW_SHARED);
    const WorkerSlot *slot = find_worker(worker);
    int pid = slot != nullptr ? slot->pid : 0;
    LWLockRelease(shared->request_lock);
    return pid;
}

void stand_in(const WorkerKey &worker) noexcept
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    if (WorkerSlot *slot = find_worker(worker)) {
        slot->pid = MyProcPid;
        slot->process = my_process();
    }
    LWLockRelease(shared->request_lock);
}

bool become_worker(const WorkerKey &worker)
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    WorkerSlot *slot = find_worker(worker);
    bool is_wanted = slot != nullptr && slot->pid == 0 && slot->is_asked_to_exit.load() == 0;
    if (is_wanted) {
        slot->process = my_process();
        slot->pid = MyProcPid;
        my_key = worker;
    }
    LWLockRelease(shared->request_lock);
    if (is_wanted)
        before_shmem_exit(pgtrickle_worker_leaves, 0);
    return is_wanted;
}

bool is_asked_to_exit() noexcept
{
    if (my_key.is_valid())
        return workers[my_key.slot].is_asked_to_exit.load() != 0;
    return own_manager_slot() != nullptr && own_manager_slot()->is_asked_to_exit.load() != 0;
}

void lack_process(bool is_lacking) noexcept
{
    bool was_lacking = own_manager_slot()->lacks_process.exchange(is_lacking ? 1 : 0) != 0;
    if (is_lacking && !was_lacking)
        wake_managers();
}

void launcher_lacks_process(bool is_lacking) noexcept
{
    bool was_lacking = shared->launcher_lacks_process.exchange(is_lacking ? 1 : 0) != 0;
    if (is_lacking && !was_lacking)
        wake_managers();
}

bool is_process_lacked() noexcept
{
    if (shared->launcher_lacks_process.load() != 0)
        return true;
    for (int i = 0; i < shared->manager_count; i++) {
        if (&managers[i] != own_manager_slot() && managers[i].database.load() != InvalidOid &&
            managers[i].lacks_process.load() != 0)
            return true;
    }
    return false;
}

} // namespace pgtrickle::mailbox
