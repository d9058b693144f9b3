/*
 * The refresh workers of all databases, and the order in which managers get turns to refresh.
 *
 * A slot is free → taken (by a manager, for a worker that it starts) → registered (by that process) → free
 * (when the process exits, or its manager knows that it never registered). The generation keeps a late
 * process from touching a slot that another worker has taken since.
 *
 * Turns are not counted but looked up: they are the busy slots. A process that dies has none, and the sum
 * cannot be wrong. Shares of owners are looked up as well: each busy slot has the owner of its job.
 */
#include "mailbox/manager_side.hpp"
#include "mailbox/shared.hpp"
#include "mailbox/stats.hpp"
#include "scheduler/database_turn.hpp"

extern "C" {
#include "storage/ipc.h"
}

#include <algorithm>
#include <csignal>

namespace pgtrickle::mailbox {

namespace {

constexpr TimestampTz turn_grace_us = 200'000;

WorkerKey my_key;       /* in a refresh worker */
WorkerKey stood_in_for; /* in a manager that last did its work */

WorkerSlot *find_worker(const WorkerKey &key) noexcept
{
    WorkerSlot &slot = workers[key.slot];
    return slot.generation == key.generation && slot.database != InvalidOid ? &slot : nullptr;
}

/* The callers of the following functions hold request_lock, exclusively. */

int busy_workers(Oid database) noexcept
{
    int count = 0;
    for (int i = 0; i < shared->manager_count; i++)
        count += workers[i].is_busy && (database == InvalidOid || workers[i].database == database);
    return count;
}

/* Number of busy workers of one owner, in one database or all. */
int busy_workers_of(Oid owner, Oid database) noexcept
{
    int count = 0;
    for (int i = 0; i < shared->manager_count; i++)
        count += workers[i].is_busy && workers[i].owner == owner &&
                 (database == InvalidOid || workers[i].database == database);
    return count;
}

/* Number of managers that come before `mine`. */
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

/* Number of managers that wait for a worker of this owner and come before `mine`. */
int count_before_for(Oid owner, const ManagerSlot &mine, const scheduler::Waiting &turn, TimestampTz now) noexcept
{
    int count = 0;
    for (int i = 0; i < shared->manager_count; i++) {
        const ManagerSlot &other = managers[i];
        const Oid database = other.database.load();
        if (&other == &mine || database == InvalidOid || other.share_owner != owner)
            continue;
        count += scheduler::comes_before({other.share_since, busy_workers_of(owner, database)}, turn, now);
    }
    return count;
}

void wake_waiting() noexcept
{
    shared->turn_came_at = GetCurrentTimestamp();
    for (int i = 0; i < shared->manager_count; i++) {
        const ManagerSlot &slot = managers[i];
        if ((slot.waits_since != 0 || slot.share_owner != InvalidOid) && slot.pid.load() != 0)
            wake_process(slot.process);
    }
}

bool has_share(Oid owner, int limit, TimestampTz now) noexcept
{
    const ManagerSlot *mine = own_manager_slot();
    const int free_workers = limit - busy_workers_of(owner, InvalidOid);
    /* As in is_own_turn(). */
    if (free_workers <= 0 || now >= shared->turn_came_at + turn_grace_us)
        return free_workers > 0;
    const TimestampTz since = mine->share_owner == owner ? mine->share_since : now;
    return count_before_for(owner, *mine, {since, busy_workers_of(owner, MyDatabaseId)}, now) < free_workers;
}

/* Whether the job has a share of its owner. If not, records the owner, unless this manager already waits for another
 * one. */
bool take_share(const Turn &turn, TimestampTz now) noexcept
{
    if (turn.owner == InvalidOid || has_share(turn.owner, turn.owner_limit, now))
        return true;
    ManagerSlot *mine = own_manager_slot();
    if (mine->share_owner == InvalidOid) {
        mine->share_owner = turn.owner;
        mine->share_since = now;
    }
    return false;
}

/* Whether the next turn is this manager's. */
bool is_own_turn(int limit, TimestampTz since, TimestampTz now) noexcept
{
    int free_turns = limit - busy_workers(InvalidOid);
    /* A manager that does not use its turn must not block all others. */
    if (free_turns <= 0 || now >= shared->turn_came_at + turn_grace_us)
        return free_turns > 0;
    return count_before(*own_manager_slot(), {since, busy_workers(MyDatabaseId)}, now) < free_turns;
}

/* Checks the share first: a manager that waits for a share keeps no turn from others. */
Admission take_turn(const Turn &turn) noexcept
{
    ManagerSlot *mine = own_manager_slot();
    TimestampTz now = GetCurrentTimestamp();
    if (!take_share(turn, now))
        return Admission::not_its_share;
    TimestampTz since = mine->waits_since != 0 ? mine->waits_since : now;
    const bool is_mine = is_own_turn(turn.limit, since, now);
    mine->waits_since = is_mine ? 0 : since;
    if (is_mine && mine->share_owner == turn.owner)
        mine->share_owner = InvalidOid;
    return is_mine ? Admission::admitted : Admission::not_its_turn;
}

void occupy(WorkerSlot *slot, const Turn &turn) noexcept
{
    slot->is_busy = true;
    slot->owner = turn.owner;
    slot->first_member.store(InvalidOid);
}

void free_slot(WorkerSlot *slot) noexcept
{
    bool was_busy = slot->is_busy;
    slot->database = InvalidOid;
    slot->pid = 0;
    slot->is_busy = false;
    slot->first_member.store(InvalidOid);
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
    if (slot->waits_since == 0 && slot->share_owner == InvalidOid)
        return;
    slot->waits_since = 0;
    slot->share_owner = InvalidOid;
    wake_waiting();
}

void stop_workers(Oid database) noexcept
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

Admission admit_new(const Turn &turn, WorkerKey *key) noexcept
{
    *key = {};
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    for (int i = 0; i < shared->manager_count && !key->is_valid(); i++) {
        if (workers[i].database == InvalidOid)
            *key = {i, workers[i].generation + 1};
    }
    bool is_blocked = own_manager_slot()->is_asked_to_exit.load() != 0;
    Admission admission = key->is_valid() && !is_blocked ? take_turn(turn) : Admission::not_its_turn;
    if (admission == Admission::admitted) {
        WorkerSlot &slot = workers[key->slot];
        slot.generation = key->generation;
        slot.database = MyDatabaseId;
        slot.pid = 0;
        slot.is_asked_to_exit.store(0);
        occupy(&slot, turn);
    } else {
        *key = {};
    }
    LWLockRelease(shared->request_lock);
    return admission;
}

Admission admit(const WorkerKey &worker, const Turn &turn) noexcept
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    WorkerSlot *slot = find_worker(worker);
    Admission admission = slot != nullptr ? take_turn(turn) : Admission::not_its_turn;
    if (admission == Admission::admitted)
        occupy(slot, turn);
    LWLockRelease(shared->request_lock);
    return admission;
}

void end_turn(const WorkerKey &worker) noexcept
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    if (WorkerSlot *slot = find_worker(worker)) {
        slot->is_busy = false;
        slot->first_member.store(InvalidOid);
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

void stop_waiting_for_turn() noexcept
{
    ManagerSlot *mine = own_manager_slot();
    if (mine->waits_since == 0)
        return;
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    mine->waits_since = 0;
    wake_waiting();
    LWLockRelease(shared->request_lock);
}

Oid awaited_share() noexcept
{
    return own_manager_slot()->share_owner;
}

void stop_waiting_for_share() noexcept
{
    ManagerSlot *mine = own_manager_slot();
    if (mine->share_owner == InvalidOid)
        return;
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    mine->share_owner = InvalidOid;
    wake_waiting();
    LWLockRelease(shared->request_lock);
}

int own_worker_slot() noexcept
{
    const WorkerKey &key = my_key.is_valid() ? my_key : stood_in_for;
    const WorkerSlot *slot = key.is_valid() ? find_worker(key) : nullptr;
    return slot != nullptr && slot->pid == MyProcPid ? key.slot : -1;
}

void publish_attempt(Oid first, int count) noexcept
{
    const int number = own_worker_slot();
    if (number < 0)
        return;
    WorkerSlot *slot = &workers[number];
    slot->first_member.store(InvalidOid);
    slot->member_count.store(count);
    slot->attempt_since.store(GetCurrentTimestamp());
    slot->first_member.store(first);
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
        stood_in_for = worker;
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

namespace {

bool is_share_awaited(Oid owner) noexcept
{
    for (int i = 0; i < shared->manager_count; i++) {
        if (managers[i].database.load() != InvalidOid && managers[i].share_owner == owner)
            return true;
    }
    return false;
}

RunningRefresh look_at(const WorkerSlot &slot, int owner_limit) noexcept
{
    const bool is_exhausted = slot.owner != InvalidOid && busy_workers_of(slot.owner, InvalidOid) >= owner_limit;
    return {slot.pid,
            slot.database,
            slot.first_member.load(),
            slot.member_count.load(),
            slot.attempt_since.load(),
            slot.owner,
            is_exhausted,
            is_exhausted && is_share_awaited(slot.owner)};
}

} // namespace

std::vector<RunningRefresh> running_refreshes(int owner_limit)
{
    std::vector<RunningRefresh> running;
    if (!is_available())
        return running;
    running.reserve(static_cast<size_t>(shared->manager_count));
    LWLockAcquire(shared->request_lock, LW_SHARED);
    for (int i = 0; i < shared->manager_count; i++) {
        const WorkerSlot &slot = workers[i];
        if (slot.database != InvalidOid && slot.is_busy && slot.pid != 0 && slot.first_member.load() != InvalidOid)
            running.push_back(look_at(slot, owner_limit));
    }
    LWLockRelease(shared->request_lock);
    return running;
}

void set_process_shortage(bool is_lacking) noexcept
{
    bool was_lacking = own_manager_slot()->is_short_of_processes.exchange(is_lacking ? 1 : 0) != 0;
    if (is_lacking && !was_lacking)
        wake_managers();
}

void launcher_lacks_process(bool is_lacking) noexcept
{
    bool was_lacking = shared->launcher_lacks_process.exchange(is_lacking ? 1 : 0) != 0;
    if (is_lacking && !was_lacking)
        wake_managers();
}

void managers_take_turns(bool do_take) noexcept
{
    shared->do_managers_take_turns.store(do_take ? 1 : 0);
}

bool do_managers_take_turns() noexcept
{
    return is_available() && shared->do_managers_take_turns.load() != 0;
}

bool is_process_short() noexcept
{
    if (shared->launcher_lacks_process.load() != 0)
        return true;
    for (int i = 0; i < shared->manager_count; i++) {
        if (&managers[i] != own_manager_slot() && managers[i].database.load() != InvalidOid &&
            managers[i].is_short_of_processes.load() != 0)
            return true;
    }
    return false;
}

} // namespace pgtrickle::mailbox
