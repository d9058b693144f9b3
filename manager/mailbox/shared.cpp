#include "mailbox/shared.hpp"

extern "C" {
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/guc.h"
}

#include <new>

namespace pgtrickle::mailbox {

Shared *shared = nullptr;
SourceSlot *source_slots = nullptr;
ReadingCell *cells = nullptr;
ManagerSlot *managers = nullptr;
WorkerSlot *workers = nullptr;
std::atomic<uint64_t> *changed_bits = nullptr;
RequestSlot *requests = nullptr;
HTAB *entries = nullptr;

namespace {

int slot_setting = 65536;
int stream_table_setting = 16384;

const char *const tranche = "pg_trickle";

int slot_total()
{
    int total = 1;
    while (total < slot_setting)
        total *= 2;
    return total;
}

int cell_total()
{
    return stream_table_setting * cells_per_stream_table;
}

int changed_words()
{
    return slot_total() / 64;
}

int manager_total()
{
    return max_worker_processes;
}

/* PostgreSQL frames from here on: sizes, and initialization by the postmaster. */

Size arrays_size()
{
    Size size = MAXALIGN(sizeof(Shared)) + alignof(SourceSlot);
    size = add_size(size, mul_size(slot_total(), sizeof(SourceSlot)));
    size = add_size(size, mul_size(cell_total(), sizeof(ReadingCell)));
    size = add_size(size, mul_size(manager_total(), sizeof(ManagerSlot) + sizeof(WorkerSlot)));
    size = add_size(size, mul_size(manager_total(), mul_size(changed_words(), sizeof(uint64_t))));
    size = add_size(size, alignof(WorkerSlot) + alignof(std::atomic<uint64_t>));
    return add_size(size, mul_size(MaxBackends, sizeof(RequestSlot)));
}

template <class T> T *place(char *&at, int count)
{
    auto *array = reinterpret_cast<T *>(TYPEALIGN(alignof(T), at));
    at = reinterpret_cast<char *>(array + count);
    return array;
}

/* Shared memory is created as zeros, which are the initial values of the counters, the readings and the bits: what
 * is not used yet is not touched, and takes no memory. */
void fill_empty()
{
    static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<int64_t>::is_always_lock_free);
    for (int i = 0; i < shared->manager_count; i++) {
        new (&managers[i]) ManagerSlot{};
        new (&workers[i]) WorkerSlot{};
    }
    for (int i = 0; i < shared->request_count; i++)
        new (&requests[i]) RequestSlot{};
    shared->free_cell = no_cell;
    shared->is_registry_doubtful = 1;
}

void make_entries()
{
    HASHCTL control = {};
    control.keysize = sizeof(EntryKey);
    control.entrysize = sizeof(Entry);
    entries = ShmemInitHash("pg_trickle stream tables", stream_table_setting, stream_table_setting, &control,
                            HASH_ELEM | HASH_BLOBS | HASH_FIXED_SIZE);
}

void define_sizes()
{
    DefineCustomIntVariable(
        "pg_trickle.mailbox_slots", "Sets the number of change counters shared by all sources of the server.",
        "Changes of one source also mark the stream tables of the sources that share its counter as changed.",
        &slot_setting, 65536, 64, 1 << 20, PGC_POSTMASTER, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_trickle.max_stream_tables",
                            "Sets the number of stream tables whose freshness is tracked in shared memory.",
                            "Stream tables beyond this number work, but each read of them asks the manager.",
                            &stream_table_setting, 16384, 16, 1 << 20, PGC_POSTMASTER, 0, nullptr, nullptr, nullptr);
}

} // namespace

void request_memory()
{
    RequestAddinShmemSpace(arrays_size());
    RequestAddinShmemSpace(hash_estimate_size(stream_table_setting, sizeof(Entry)));
    RequestNamedLWLockTranche(tranche, 2);
}

void start_memory()
{
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    bool is_found;
    char *memory = static_cast<char *>(ShmemInitStruct("pg_trickle mailbox", arrays_size(), &is_found));
    shared = reinterpret_cast<Shared *>(memory);
    if (!is_found) {
        new (shared) Shared{};
        shared->slot_count = slot_total();
        shared->cell_count = cell_total();
        shared->manager_count = manager_total();
        shared->request_count = MaxBackends;
        LWLockPadded *locks = GetNamedLWLockTranche(tranche);
        shared->entry_lock = &locks[0].lock;
        shared->request_lock = &locks[1].lock;
    }
    memory += MAXALIGN(sizeof(Shared));
    source_slots = place<SourceSlot>(memory, shared->slot_count);
    cells = place<ReadingCell>(memory, shared->cell_count);
    managers = place<ManagerSlot>(memory, shared->manager_count);
    workers = place<WorkerSlot>(memory, shared->manager_count);
    changed_bits = place<std::atomic<uint64_t>>(memory, shared->manager_count * (shared->slot_count / 64));
    requests = place<RequestSlot>(memory, shared->request_count);
    if (!is_found)
        fill_empty();
    make_entries();
    LWLockRelease(AddinShmemInitLock);
}

void define_mailbox_settings()
{
    if (process_shared_preload_libraries_in_progress)
        define_sizes();
}

bool is_available() noexcept
{
    return shared != nullptr;
}

} // namespace pgtrickle::mailbox
