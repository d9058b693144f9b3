/*
 * Readers' requests. Each backend has one slot of its own, at its process number; its state goes free →
 * waiting (the reader) → taken (the manager) → answered (the manager) → free (the reader). A generation
 * number keeps a late answer from being used for the next request.
 *
 * A reader whose database has no manager waits while the launcher starts one, if there is a launcher; every
 * failure of that start answers `no_manager`.
 */
#include "mailbox/manager_side.hpp"
#include "mailbox/shared.hpp"
#include "pg/versions/processes.hpp"

extern "C" {
#include "storage/latch.h"
#include "storage/proc.h"
}

#include <algorithm>

namespace pgtrickle::mailbox {

namespace {

bool has_request = false; /* this backend's slot is not free */

RequestSlot *my_request_slot() noexcept
{
    if (MyProc == nullptr || my_process() >= shared->request_count)
        return nullptr;
    return &requests[my_process()];
}

} // namespace

int32_t my_process() noexcept
{
    return own_process_number();
}

void wake_process(int32_t process) noexcept
{
    SetLatch(&ProcGlobal->allProcs[process].procLatch);
}

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
        is_coming = request_start(MyDatabaseId);
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

/* ---- the manager ---- */

std::vector<Request> take_requests() noexcept
{
    std::vector<Request> taken;
    if (own_manager_slot()->has_requests.exchange(0) == 0)
        return taken;
    LWLockAcquire(shared->request_lock, LW_EXCLUSIVE);
    for (int i = 0; i < shared->request_count; i++) {
        RequestSlot &request = requests[i];
        if (request.state != RequestState::waiting || request.database != MyDatabaseId)
            continue;
        try {
            taken.push_back({i, request.generation, std::vector<Oid>(request.relids, request.relids + request.count)});
            request.state = RequestState::taken;
        } catch (...) {
            own_manager_slot()->has_requests.store(1);
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

void publish_workers(const Request &request, const std::vector<int> &pids) noexcept
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
