#include "mailbox/kept_attempts.hpp"

#include "mailbox/hooks.hpp"
#include "mailbox/shared.hpp"

extern "C" {
#include "common/file_perm.h"
#include "miscadmin.h"
#include "pgstat.h"
}

#include <algorithm>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace pgtrickle::mailbox {

namespace {

/* The first ones of a larger set are at fault, and the others when they crash the server in turn. */
constexpr int most_kept = 64;
constexpr uint32_t under_way = 0x50475401; /* changes with the layout */

/* One for each WorkerSlot; zeros are a free one. */
struct KeptAttempt {
    std::atomic<uint32_t> state; /* `under_way`, or the slot is free */
    Oid database;
    Oid owner;
    ProcessEnd how;
    int32_t count;
    Oid relids[most_kept];
};

KeptAttempt *attempts = nullptr;
KeptAttempt *own = nullptr; /* which this process has filled */

const char *const path = PG_STAT_TMP_DIR "/pg_trickle_attempts";

void note_lost(int file) noexcept
{
    KeptAttempt lost;
    while (::read(file, static_cast<void *>(&lost), sizeof(lost)) == sizeof(lost))
        if (lost.state == under_way)
            note_lost_attempt(lost.database, lost.relids, std::clamp(lost.count, 0, most_kept), lost.owner, lost.how);
}

/* Returns null if the file cannot have that size: a store would end the process. */
KeptAttempt *map_empty(int file, Size size) noexcept
{
    if (::ftruncate(file, 0) != 0 || ::posix_fallocate(file, 0, static_cast<off_t>(size)) != 0)
        return nullptr;
    void *memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<KeptAttempt *>(memory);
}

} // namespace

/* A server in single-user mode refreshes nothing by itself, and leaves the file to the next start. */
void start_kept_attempts()
{
    if (IsUnderPostmaster || !IsPostmasterEnvironment)
        return;
    const Size size = sizeof(KeptAttempt) * shared->manager_count;
    if (attempts != nullptr)
        (void)::munmap(attempts, size);
    attempts = nullptr;
    const int file = ::open(path, O_RDWR | O_CREAT | O_CLOEXEC, pg_file_create_mode);
    if (file >= 0) {
        note_lost(file);
        attempts = map_empty(file, size);
        (void)::close(file);
    }
    if (attempts == nullptr)
        ereport(LOG, (errmsg("could not use file \"%s\": %m", path),
                      errdetail("A refresh that crashes the server will be tried again after the restart.")));
}

void keep_attempt(const Oid *relids, int count, Oid owner, ProcessEnd how) noexcept
{
    drop_kept_attempt();
    const int slot = own_worker_slot();
    if (attempts == nullptr || slot < 0)
        return;
    KeptAttempt *attempt = &attempts[slot];
    attempt->database = MyDatabaseId;
    attempt->owner = owner;
    attempt->how = how;
    attempt->count = std::min(count, most_kept);
    std::copy_n(relids, attempt->count, attempt->relids);
    attempt->state.store(under_way);
    own = attempt;
}

void drop_kept_attempt() noexcept
{
    if (own != nullptr)
        own->state.store(0);
    own = nullptr;
}

} // namespace pgtrickle::mailbox
