#include "mailbox/progress.hpp"

#include "mailbox/hooks.hpp"

#include "pg/versions/processes.hpp"

extern "C" {
#include "access/xact.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
}

#include <atomic>
#include <new>

namespace pgtrickle::mailbox {

/* `version` is odd while the owner writes. */
struct alignas(64) ProgressSlot {
    std::atomic<uint32_t> version;
    std::atomic<int32_t> pid; /* 0: empty */
    std::atomic<uint32_t> database;
    std::atomic<uint32_t> relid;
    std::atomic<uint32_t> owner;
    std::atomic<int64_t> started_at;
    std::atomic<uint32_t> phase;
    std::atomic<int32_t> part;
    std::atomic<int32_t> parts;
    std::atomic<int64_t> rows_done;
    std::atomic<int64_t> rows_expected;
};

namespace {

ProgressSlot *slots = nullptr;

Size slots_size()
{
    return add_size(mul_size(MaxBackends, sizeof(ProgressSlot)), alignof(ProgressSlot));
}

ProgressSlot *own_slot() noexcept
{
    bool has_slot = slots != nullptr && MyProc != nullptr && own_process_number() < MaxBackends;
    return has_slot ? &slots[own_process_number()] : nullptr;
}

template <class Write> void write(ProgressSlot *slot, Write change) noexcept
{
    slot->version.fetch_add(1);
    change();
    slot->version.fetch_add(1);
}

void clear(ProgressSlot *slot) noexcept
{
    write(slot, [=] { slot->pid.store(0); });
}

} // namespace

const char *name_of(Phase phase)
{
    switch (phase) {
    case Phase::computing: return "computing rows";
    case Phase::comparing: return "comparing with stored rows";
    case Phase::indexing: return "building indexes";
    }
    return "";
}

void request_progress_memory()
{
    RequestAddinShmemSpace(slots_size());
}

void start_progress_memory()
{
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    bool is_found;
    void *memory = ShmemInitStruct("pg_trickle progress", slots_size(), &is_found);
    slots = reinterpret_cast<ProgressSlot *>(TYPEALIGN(alignof(ProgressSlot), memory));
    for (int i = 0; !is_found && i < MaxBackends; i++)
        new (&slots[i]) ProgressSlot{};
    LWLockRelease(AddinShmemInitLock);
}

/* After an error the destructor clears the slot; a process that is terminated only aborts its transaction. */
void clear_progress(XactEvent event)
{
    if (event != XACT_EVENT_ABORT)
        return;
    ProgressSlot *slot = own_slot();
    if (slot != nullptr && slot->pid.load() != 0)
        clear(slot);
}

Progress::Progress(Oid relid, Oid owner) noexcept : slot_(own_slot())
{
    if (slot_ == nullptr)
        return;
    write(slot_, [&] {
        slot_->pid.store(MyProcPid);
        slot_->database.store(MyDatabaseId);
        slot_->relid.store(relid);
        slot_->owner.store(owner);
        slot_->started_at.store(GetCurrentTimestamp());
        slot_->phase.store(static_cast<uint32_t>(Phase::computing));
        slot_->part.store(1);
        slot_->parts.store(1);
        slot_->rows_done.store(0);
        slot_->rows_expected.store(0);
    });
}

Progress::~Progress()
{
    if (slot_ != nullptr)
        clear(slot_);
}

void Progress::begin_part(int part, int parts) noexcept
{
    if (slot_ == nullptr)
        return;
    write(slot_, [&] {
        slot_->part.store(part);
        slot_->parts.store(parts);
    });
}

void Progress::enter(Phase phase, double rows_expected) noexcept
{
    rows_ = 0;
    if (slot_ == nullptr)
        return;
    write(slot_, [&] {
        slot_->phase.store(static_cast<uint32_t>(phase));
        slot_->rows_done.store(0);
        slot_->rows_expected.store(static_cast<int64_t>(rows_expected));
    });
}

/* The count is one word: a process that reads it sees an old or a new number. */
void Progress::count() noexcept
{
    if (slot_ != nullptr)
        slot_->rows_done.store(++rows_, std::memory_order_relaxed);
}

std::vector<ProgressSeen> progress_seen()
{
    std::vector<ProgressSeen> all;
    for (int i = 0; slots != nullptr && i < MaxBackends; i++) {
        const ProgressSlot &slot = slots[i];
        /* A write takes some nanoseconds; the slot of a backend that is descheduled during a write is
         * skipped. */
        for (int tries = 0; tries < 1000; tries++) {
            uint32_t version = slot.version.load();
            ProgressSeen seen = {slot.pid.load(),        slot.database.load(),
                                 slot.relid.load(),      slot.owner.load(),
                                 slot.started_at.load(), static_cast<Phase>(slot.phase.load()),
                                 slot.part.load(),       slot.parts.load(),
                                 slot.rows_done.load(),  slot.rows_expected.load()};
            if ((version & 1) != 0 || slot.version.load() != version)
                continue;
            if (seen.pid != 0)
                all.push_back(seen);
            break;
        }
    }
    return all;
}

} // namespace pgtrickle::mailbox
