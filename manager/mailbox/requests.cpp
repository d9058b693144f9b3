/*
 * Readers' requests. Each backend has one slot of its own, at its process number; its
 * state goes free → waiting (the reader) → taken (the manager) → answered (the manager) → free
 * (the reader). A generation number keeps a late answer from being taken for that of the next request.
 *
 * A reader whose database has no manager waits while the launcher starts one, if there is a
 * launcher; every way in which that can fail answers `no_manager`.
 */
#include "mailbox/manager_side.hpp"
#include "mailbox/shared.hpp"
#include "pg/versions.hpp"

extern "C" {
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
}

#include <algorithm>

namespace pgtrickle::mailbox {

namespace {

ManagerSlot *my_manager_slot = nullptr; /* in the manager */
bool has_request = false;               /* this backend's slot is not free */
bool has_retired = false;               /* this manager has nothing to do */

RequestSlot *my_request_slot() noexcept
{
    if (MyProc == nullptr || my_process() >= shared->request_count)
        return nullptr;
    return &requests[my_process()];
}

/* request_lock is held, exclusively, by the callers of the following. */

void answer_all(Oid database, const Reply &reply) noexcept
{
    for (int i = 0; i < shared->request_count; i++) {
        RequestSlot &request = requests[i];
        if (request.database != database ||
            (request.state != RequestState::waiting && request.state != RequestState::taken))
            continue;
        request.reply = reply;
        request.state = RequestState::answered;
        wake_process(i);
    }
}

/* True if a manager will come soon. The wish for one in a barred database stands until the bar is lifted. */
bool wish_manager(Oid database) noexcept
{
    if (shared->launcher_pid.load() == 0)
        return false; /* the next one looks into every database */
    ManagerSlot *slot = find_or_make_manager(database);
    if (slot == nullptr)
        return false;
    slot->is_wanted = true;
    return slot->barred_by == 0;
}

bool is_to_be_started(const ManagerSlot &slot) noexcept
{
    return slot.database.load() != InvalidOid && slot.is_wanted && slot.barred_by == 0;
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

extern "C" void pgtrickle_manager_leaves(int, Datum)
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    my_manager_slot->pid.store(0);
    answer_all(MyDatabaseId, {Answer::no_manager, InvalidOid});
    stop_waiting(my_manager_slot);
    forget_own_workers();
    my_manager_slot->lacks_process.store(0);
    if (!has_retired && shared->launcher_pid.load() != 0)
        my_manager_slot->is_wanted = true; /* somebody is to take its place */
    free_if_idle(my_manager_slot);
    my_manager_slot = nullptr;
    LWLockRelease(shared->request_lock);
    wake_launcher();
}

} // namespace

int32_t my_process() noexcept
{
    return own_process_number();
}

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
    if (slot->pid.load() == 0 && !slot->is_wanted && slot->barred_by == 0)
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
        slot->barred_by = 0;
        slot->has_news.store(0);
        slot->is_in_doubt.store(0);
        slot->has_requests.store(0);
        slot->waits_since = 0;
        slot->lacks_process.store(0);
        slot->is_asked_to_exit.store(0);
        slot->is_asked_for_room.store(0);
        slot->zone[0] = '\0';
        slot->database.store(database);
    }
    return slot;
}

void wake_process(int32_t process) noexcept
{
    SetLatch(&ProcGlobal->allProcs[process].procLatch);
}

void wake_launcher() noexcept
{
    shared->launcher_calls.fetch_add(1);
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
        wish_manager(MyDatabaseId);
    }
    LWLockRelease(shared->request_lock);
    if (!has_manager)
        wake_launcher();
}

void announce_settings_change() noexcept
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    for (int i = 0; i < shared->manager_count; i++) {
        if (managers[i].pid.load() == 0)
            continue;
        managers[i].definition_changes.fetch_add(1);
        wake_process(managers[i].process);
    }
    LWLockRelease(shared->request_lock);
}

/* ---- readers ---- */

Reply request_refresh(const Oid *relids, int count) noexcept
{
    RequestSlot *request = is_available() ? my_request_slot() : nullptr;
    if (request == nullptr || count > max_requested)
        return {Answer::no_manager, InvalidOid};
    bool is_coming = true;
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    request->generation++;
    request->database = MyDatabaseId;
    request->count = count;
    std::copy_n(relids, count, request->relids);
    request->served_by[0] = 0;
    request->reply = {Answer::waiting, InvalidOid};
    request->state = RequestState::waiting;
    ManagerSlot *slot = find_manager(MyDatabaseId);
    bool has_manager = slot != nullptr && slot->pid.load() != 0;
    if (has_manager) {
        slot->has_requests.store(1);
        wake_process(slot->process);
    } else {
        is_coming = wish_manager(MyDatabaseId);
    }
    if (!is_coming) {
        request->state = RequestState::free;
        request->reply = {Answer::no_manager, InvalidOid};
    }
    has_request = is_coming;
    Reply reply = request->reply;
    LWLockRelease(shared->request_lock);
    if (!has_manager)
        wake_launcher();
    return reply;
}

Reply reply() noexcept
{
    if (!has_request)
        return {};
    LWLockAcquire(shared->request_lock, LW_SHARED);
    Reply reply = my_request_slot()->reply;
    LWLockRelease(shared->request_lock);
    return reply;
}

void withdraw_request() noexcept
{
    if (!has_request)
        return;
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    RequestSlot *request = my_request_slot();
    request->generation++;
    request->state = RequestState::free;
    request->reply = {};
    LWLockRelease(shared->request_lock);
    has_request = false;
}

void drop_request_at_end() noexcept
{
    withdraw_request();
}

int manager_pid_of(Oid database) noexcept
{
    if (!is_available())
        return 0;
    ManagerSlot *slot = find_manager(database);
    return slot != nullptr ? slot->pid.load() : 0;
}

int serving_pids(int *pids) noexcept
{
    int count = 0;
    if (!has_request)
        return 0;
    LWLockAcquire(shared->request_lock, LW_SHARED);
    for (int pid : my_request_slot()->served_by) {
        if (pid == 0)
            break;
        pids[count++] = pid;
    }
    LWLockRelease(shared->request_lock);
    return count;
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

uint32_t launcher_calls() noexcept
{
    return shared->launcher_calls.load();
}

std::vector<Oid> wished_managers() noexcept
{
    Oid wished[64];
    int count = 0;
    LWLockAcquire(shared->request_lock, LW_SHARED);
    for (int i = 0; i < shared->manager_count && count < 64; i++) {
        if (is_to_be_started(managers[i]))
            wished[count++] = managers[i].database.load();
    }
    LWLockRelease(shared->request_lock);
    try {
        return std::vector<Oid>(wished, wished + count);
    } catch (...) {
        return {};
    }
}

bool is_manager_wished() noexcept
{
    bool is_any = false;
    LWLockAcquire(shared->request_lock, LW_SHARED);
    for (int i = 0; i < shared->manager_count && !is_any; i++)
        is_any = is_to_be_started(managers[i]);
    LWLockRelease(shared->request_lock);
    return is_any;
}

void settle_wish(Oid database, bool can_start) noexcept
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    ManagerSlot *slot = find_manager(database);
    if (slot != nullptr && slot->is_wanted) {
        if (slot->pid.load() != 0 || !can_start)
            slot->is_wanted = false;
        if (slot->pid.load() == 0 && !can_start)
            answer_all(database, {Answer::no_manager, InvalidOid});
        free_if_idle(slot);
    }
    LWLockRelease(shared->request_lock);
}

void expect_manager(Oid database) noexcept
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    ManagerSlot *slot = find_or_make_manager(database);
    if (slot != nullptr && slot->pid.load() == 0) {
        slot->is_wanted = true;
        slot->has_come = false;
    }
    LWLockRelease(shared->request_lock);
}

bool has_come(Oid database) noexcept
{
    LWLockAcquire(shared->request_lock, LW_SHARED);
    ManagerSlot *slot = find_manager(database);
    bool has_come = slot == nullptr || slot->has_come;
    LWLockRelease(shared->request_lock);
    return has_come;
}

bool is_barred(Oid database) noexcept
{
    LWLockAcquire(shared->request_lock, LW_SHARED);
    ManagerSlot *slot = find_manager(database);
    bool is_barred = slot != nullptr && slot->barred_by != 0;
    LWLockRelease(shared->request_lock);
    return is_barred;
}

bool ask_for_room(Oid database) noexcept
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    ManagerSlot *slot = find_manager(database);
    bool is_there = slot != nullptr && slot->pid.load() != 0;
    if (is_there) {
        slot->is_asked_for_room.store(1);
        wake_process(slot->process);
    }
    LWLockRelease(shared->request_lock);
    return is_there;
}

bool is_asked_for_room() noexcept
{
    return my_manager_slot->is_asked_for_room.load() != 0;
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
    bool is_mine = slot != nullptr && slot->pid.load() == 0 && slot->barred_by == 0;
    if (slot != nullptr) {
        slot->is_wanted = !is_mine && slot->pid.load() == 0;
        slot->has_come = true;
    }
    if (is_mine) {
        slot->process = my_process();
        slot->is_asked_to_exit.store(0);
        slot->is_asked_for_room.store(0);
        slot->has_requests.store(1); /* those that waited for it */
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
    has_retired = my_manager_slot->definition_changes.load() == changes_seen;
    if (has_retired)
        my_manager_slot->pid.store(0);
    LWLockRelease(shared->request_lock);
    return has_retired;
}

ManagerSlot *own_manager_slot() noexcept
{
    return my_manager_slot;
}

std::vector<Request> take_requests() noexcept
{
    std::vector<Request> taken;
    if (my_manager_slot->has_requests.exchange(0) == 0)
        return taken;
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    for (int i = 0; i < shared->request_count; i++) {
        RequestSlot &request = requests[i];
        if (request.state != RequestState::waiting || request.database != MyDatabaseId)
            continue;
        try {
            taken.push_back({i, request.generation,
                             std::vector<Oid>(request.relids, request.relids + request.count)});
            request.state = RequestState::taken;
        } catch (...) {
            my_manager_slot->has_requests.store(1);
            break;
        }
    }
    LWLockRelease(shared->request_lock);
    return taken;
}

bool is_waiting(const Request &request) noexcept
{
    LWLockAcquire(shared->request_lock, LW_SHARED);
    const RequestSlot &slot = requests[request.slot];
    bool is_waiting = slot.generation == request.generation && slot.state == RequestState::taken;
    LWLockRelease(shared->request_lock);
    return is_waiting;
}

void tell_who_serves(const Request &request, const std::vector<int> &pids) noexcept
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    RequestSlot &slot = requests[request.slot];
    if (slot.generation == request.generation) {
        std::fill(std::begin(slot.served_by), std::end(slot.served_by), 0);
        std::copy_n(pids.begin(), std::min<size_t>(pids.size(), max_served_by), slot.served_by);
    }
    LWLockRelease(shared->request_lock);
}

void answer(const Request &request, const Reply &reply) noexcept
{
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    RequestSlot &slot = requests[request.slot];
    if (slot.generation == request.generation && slot.state == RequestState::taken) {
        slot.reply = reply;
        slot.state = RequestState::answered;
        wake_process(request.slot);
    }
    LWLockRelease(shared->request_lock);
}

} // namespace pgtrickle::mailbox
