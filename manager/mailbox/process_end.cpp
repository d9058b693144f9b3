#include "mailbox/process_end.hpp"

#include "mailbox/shared.hpp"
#include "scheduler/time/pause.hpp"

extern "C" {
#include "miscadmin.h"
}

#include <algorithm>

namespace pgtrickle::mailbox {

namespace {

constexpr TimestampTz move_pause_us = 3600 * USECS_PER_SEC;

/* Requires entry_lock, exclusively. */
void note_end(Entry *entry, ProcessEnd how) noexcept
{
    if (how == ProcessEnd::by_move)
        entry->move_ended_at = GetCurrentTimestamp();
    else
        entry->process_end = how;
}

/* Requires entry_lock. */
bool is_noted(Oid owner) noexcept
{
    return std::find(shared->ending_owners, shared->ending_owners + most_ending_owners, owner) !=
           shared->ending_owners + most_ending_owners;
}

/* Requires entry_lock, exclusively. */
void note_owner(Oid owner) noexcept
{
    if (OidIsValid(owner) && !is_noted(owner))
        shared->ending_owners[shared->ending_owner_count++ % most_ending_owners] = owner;
}

} // namespace

void note_process_end(const Oid *relids, int count, Oid owner, ProcessEnd how) noexcept
{
    LWLockAcquire(shared->entry_lock, LW_EXCLUSIVE);
    for (int i = 0; i < count; i++)
        if (Entry *entry = find_entry(relids[i]))
            note_end(entry, how);
    note_owner(owner);
    LWLockRelease(shared->entry_lock);
}

/* No other process exists. */
void note_lost_attempt(Oid database, const Oid *relids, int count, Oid owner, ProcessEnd how) noexcept
{
    for (int i = 0; i < count; i++)
        if (Entry *entry = find_or_make_entry({database, relids[i]}))
            note_end(entry, how);
    note_owner(owner);
}

ProcessEnd process_end_of(Oid relid) noexcept
{
    LWLockAcquire(shared->entry_lock, LW_SHARED);
    const Entry *entry = find_entry(relid);
    const ProcessEnd end = entry != nullptr ? entry->process_end : ProcessEnd::none;
    LWLockRelease(shared->entry_lock);
    return end;
}

void forget_process_end(Oid relid) noexcept
{
    if (process_end_of(relid) == ProcessEnd::none)
        return;
    LWLockAcquire(shared->entry_lock, LW_EXCLUSIVE);
    if (Entry *entry = find_entry(relid))
        entry->process_end = ProcessEnd::none;
    LWLockRelease(shared->entry_lock);
}

bool has_move_ended_process(Oid relid) noexcept
{
    LWLockAcquire(shared->entry_lock, LW_SHARED);
    const Entry *entry = find_entry(relid);
    const TimestampTz ended_at = entry != nullptr ? entry->move_ended_at : DT_NOBEGIN;
    LWLockRelease(shared->entry_lock);
    return scheduler::is_pausing(GetCurrentTimestamp(), ended_at, move_pause_us);
}

bool has_ended_process(Oid owner) noexcept
{
    LWLockAcquire(shared->entry_lock, LW_SHARED);
    const bool answer = OidIsValid(owner) && is_noted(owner);
    LWLockRelease(shared->entry_lock);
    return answer;
}

} // namespace pgtrickle::mailbox
