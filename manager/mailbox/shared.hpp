/*
 * The layout of the mailbox in shared memory. For manager/mailbox/ only.
 *
 *   SourceSlot[n]   counters of sources, hashed by (database, source); lock-free
 *   entries         a hash table with one entry for each stream table, under `entry_lock`
 *   ReadingCell[n]  what each entry's last refresh read, linked lists under `entry_lock`
 *   ManagerSlot[n]  the managers, one for each database, under `request_lock`
 *   changed bits    one for each source slot and manager: unread notifications; lock-free
 *   WorkerSlot[n]   the refresh workers of all databases, under `request_lock`
 *   RequestSlot[n]  one for each backend, by its process number, under `request_lock`
 *
 * Structures refer to each other by index, not by pointer. Nothing ereports while a lock is held.
 */
#pragma once

#include "mailbox/mailbox.hpp"
#include "mailbox/process_end.hpp"
#include "mailbox/zone.hpp"

extern "C" {
#include "storage/lwlock.h"
#include "utils/hsearch.h"
}

#include <atomic>

namespace pgtrickle::mailbox {

/* Time at which the change that made `started` equal to `count` was about to commit. */
struct ChangeTime {
    std::atomic<uint64_t> count;
    std::atomic<int64_t> at;
};

constexpr int change_times_per_slot = 14;

struct alignas(256) SourceSlot {
    std::atomic<uint64_t> started;           /* transactions that changed the source and reached PRE_COMMIT */
    std::atomic<uint64_t> finished;          /* those of them that have ended, visibly to other transactions */
    std::atomic<uint32_t> wants_change_time; /* an observation was made since the last change_time */
    std::atomic<uint32_t> next_change_time;
    ChangeTime change_times[change_times_per_slot];
};

struct EntryKey {
    Oid database;
    Oid relid;
};

constexpr int32_t no_cell = -1;
constexpr int cells_per_stream_table = 8;

struct ReadingCell {
    uint32_t slot;
    Oid stream_table; /* the upstream, or InvalidOid for a table */
    uint64_t seen;
    bool is_settled; /* no transaction was between PRE_COMMIT and its end when it was observed */
    TimestampTz observed_at;
    TimestampTz as_of; /* of stream tables: no base change before it is missing in what was read */
    int32_t next;
};

struct Entry {
    EntryKey key; /* first, for dynahash */
    State state;
    bool has_state;
    bool has_readings;
    bool is_time_dependent;      /* as of the last refresh; the next member likewise */
    bool is_over_time_dependent; /* the stream table or an upstream of it is time-dependent */
    bool is_schedule_known;      /* see set_effective_schedule(), which also sets the next two members */
    bool has_own_schedule;
    bool waits_for_others;
    ProcessEnd process_end;    /* of refreshes */
    TimestampTz move_ended_at; /* when a move of rows has ended its process; DT_NOBEGIN: none has */
    Oid atomic_set;            /* see set_atomic_set() */
    int32_t first_cell;        /* the first two cells are for the stream table's own slot and the database's */
    TimestampTz as_of;
    TimestampTz refreshed_at;         /* not later than the snapshot of its last refresh */
    std::atomic<int64_t> dirty_since; /* as last computed; 0: not computed since the last refresh */
    std::atomic<int64_t> scheduled_dirty_since;
};

struct ManagerSlot {
    std::atomic<uint32_t> database;         /* InvalidOid: free */
    std::atomic<int32_t> pid;               /* 0: none is running */
    int32_t process;                        /* its number in ProcGlobal */
    std::atomic<uint32_t> has_changed_bits; /* a bit was set since the manager last looked at all bits */
    std::atomic<uint32_t> needs_full_check; /* changes may have happened that set no bit */
    std::atomic<uint32_t> lacks_schedule;   /* an entry was made, of which no effective schedule is known yet */
    std::atomic<uint32_t> has_requests;
    std::atomic<uint32_t> definition_changes; /* number of changes */
    std::atomic<uint32_t> is_asked_to_exit;
    std::atomic<uint32_t> is_asked_for_room; /* to exit when it has finished its jobs */
    bool is_wanted;                          /* the launcher must start one */
    bool has_come;                           /* the manager that the launcher started last has registered */
    TimestampTz came_at;
    TimestampTz waits_since; /* for a turn to refresh; 0: it does not wait */
    Oid share_owner;         /* owner for whose share it waits; InvalidOid: none */
    TimestampTz share_since;
    std::atomic<uint32_t> is_short_of_processes; /* it could not start a refresh worker: too many processes */
    int32_t blocks;                              /* number of backends that drop, rename or copy the database */
    char zone[zone_name_size]; /* the database's time zone; empty: not published yet; under request_lock */
};

/* Taken from before a refresh worker is started until it has exited. A manager that refreshes by itself has a
 * slot too. */
struct WorkerSlot {
    Oid database;        /* InvalidOid: free */
    uint32_t generation; /* number of workers that have used the slot */
    int32_t pid;         /* 0: not registered yet */
    int32_t process;     /* its number in ProcGlobal */
    bool is_busy;
    std::atomic<uint32_t> is_asked_to_exit;
    Oid owner; /* while it is busy: of the stream tables that it refreshes; InvalidOid: upkeep */
    std::atomic<uint32_t> first_member; /* of the refresh under way; InvalidOid: none is */
    std::atomic<int32_t> member_count;
    std::atomic<int64_t> attempt_since;
};

enum class RequestState : uint8_t { free, waiting, taken, answered };

struct RequestSlot {
    uint64_t generation;
    Oid database;
    RequestState state;
    int32_t count;
    Oid relids[max_requested];
    int32_t served_by[max_served_by]; /* process ids, as many as there is room for, then 0 */
    Reply reply;
};

constexpr int most_ending_owners = 64;

struct Shared {
    LWLock *entry_lock;
    LWLock *request_lock;
    int32_t slot_count; /* a power of two */
    int32_t cell_count;
    int32_t manager_count;
    int32_t request_count;
    int32_t free_cell;       /* first of the list of cells that were used and are free; no_cell: it is empty */
    int32_t used_cell_count; /* cells from this number on have never been used */
    std::atomic<int32_t> launcher_pid;
    int32_t launcher_process;
    std::atomic<uint32_t> launcher_lacks_process;
    std::atomic<uint32_t> do_managers_take_turns;
    TimestampTz turn_came_at; /* when a refresh last ended, or a manager last stopped waiting for its turn */
    std::atomic<uint32_t> launcher_wakeups;       /* number of wake-ups */
    std::atomic<uint32_t> is_registry_doubtful;   /* the launcher must look at the list of databases */
    std::atomic<uint32_t> has_lost_start_request; /* any database may need a manager */
    std::atomic<uint64_t> grants;                 /* see note_grant() */
    std::atomic<uint64_t> settings_changes;       /* see note_settings_change() */
    Oid ending_owners[most_ending_owners];        /* the last ones of has_ended_process(), under entry_lock */
    uint32_t ending_owner_count;                  /* noted so far */
    EntryKey immediates[most_immediates];         /* in no order; changed under entry_lock */
    std::atomic<int32_t> immediate_count;
};

/* Addresses in this process; `shared` is nullptr without shared memory. */
extern Shared *shared;
extern SourceSlot *source_slots;
extern ReadingCell *cells;
extern ManagerSlot *managers;
extern WorkerSlot *workers;
extern std::atomic<uint64_t> *changed_bits; /* slot_count / 64 words for each manager */
extern RequestSlot *requests;
extern HTAB *entries;

/* ---- counters.cpp ---- */
uint32_t slot_of(Oid database, Oid source) noexcept;
inline uint32_t database_slot() noexcept
{
    return slot_of(MyDatabaseId, InvalidOid);
}
inline uint32_t roles_slot() noexcept
{
    return slot_of(InvalidOid, roles);
}
/* Counts a change as started, and returns its number among all changes of the slot. `since`: commit time of
 * the oldest base change that it contains; 0: now. */
uint64_t start(uint32_t slot, TimestampTz since) noexcept;
void finish(uint32_t slot) noexcept;
/* Takes back a start() that returned `count`, and that turned out to be of no change. */
void take_back(uint32_t slot, uint64_t count) noexcept;
/* The time marked for number `count` in `slot`; 0 if there is none. */
TimestampTz change_time_of(const SourceSlot &slot, uint64_t count) noexcept;

/* ---- stream_tables.cpp ---- */
/* Requires entry_lock. Returns nullptr if there is no entry. */
Entry *find_entry(Oid relid) noexcept;
/* Requires entry_lock, exclusively. Returns nullptr if there is no room. */
Entry *find_or_make_entry(const EntryKey &key) noexcept;
struct SettledReading {
    uint32_t slot;
    Oid stream_table;
    uint64_t seen;
    bool is_settled;
    TimestampTz observed_at;
};
void apply_refresh(Oid relid, const SettledReading *readings, int count, Nature nature) noexcept;
void apply_state(Oid relid, const State &state, bool only_if_absent) noexcept;
void apply_grant() noexcept; /* see note_grant() */
void apply_forget(Oid relid) noexcept;
void forget_database(Oid database) noexcept;

/* ---- staleness.cpp ---- */
/* Whether the slots that `relid` read at its last committed refresh, directly or through upstreams, include
 * one for which `matches` returns true; true if no refresh of it is known. */
bool has_reading(Oid relid, bool (*matches)(uint32_t slot)) noexcept;

/* ---- immediates.cpp ---- */
/* Requires entry_lock, exclusively. */
void set_immediate(const EntryKey &key, bool is_immediate) noexcept;

/* ---- managers.cpp ---- */
/* Requires request_lock. Returns nullptr if there is none. */
ManagerSlot *find_manager(Oid database) noexcept;
/* Requires request_lock, exclusively. Returns nullptr if there are too many databases. */
ManagerSlot *find_or_make_manager(Oid database) noexcept;
/* Requires request_lock, exclusively. Frees a slot that has no manager, no start request and no block. */
void free_if_idle(ManagerSlot *slot) noexcept;
/* Requires request_lock, exclusively. Requests a manager; returns true if it will start soon. A start request
 * for a blocked database stands until the blocks are lifted. */
bool request_start(Oid database) noexcept;
ManagerSlot *own_manager_slot() noexcept; /* in a manager; otherwise nullptr */
void wake_launcher() noexcept;
void announce_definition_change() noexcept;
/* Makes the managers of all databases read definitions and settings again. */
void announce_settings_change() noexcept;
/* Notes that this transaction changes settings of a database, or of all of them; announced when it
 * commits. */
void note_settings_change() noexcept;
/* Notes that this transaction creates, alters or drops a database: the launcher looks at the databases when it
 * commits. */
void note_database_change() noexcept;

/* ---- requests.cpp ---- */
int32_t my_process() noexcept;
void wake_process(int32_t process) noexcept;
/* Requires request_lock, exclusively. Answers all waiting requests of the database. */
void answer_all(Oid database, const Reply &reply) noexcept;
void drop_request_at_end() noexcept;

/* ---- changed_bits.cpp ---- */
/* Called when a change of the source of this slot is visible. Notifies the manager unless the slot's bit is
 * set. */
void notify_change(uint32_t slot) noexcept;
/* Makes the manager check everything. */
void notify_full_check() noexcept;
/* Makes the manager publish the effective schedules that the mailbox does not know. */
void notify_lack_of_schedule() noexcept;

/* ---- workers.cpp; these functions require request_lock ---- */
/* Makes the refresh workers of a database exit; workers that have not registered yet exit when they try
 * to. */
void stop_workers(Oid database) noexcept;
/* Index of the slot of this process; -1 if it has none. Requires no lock. */
int own_worker_slot() noexcept;
/* Frees the slots of this manager's workers that have not registered, and the slot that it uses itself. For a
 * manager that exits. */
void forget_own_workers() noexcept;
/* The manager of `slot` no longer waits for a turn or a share. */
void stop_waiting(ManagerSlot *slot) noexcept;

/* ---- transaction.cpp, utility.cpp ---- */
bool has_changed_any() noexcept;   /* whether this transaction has noted a change */
bool has_changed_roles() noexcept; /* … of roles */
/* Finishes the counter of a COMMIT PREPARED that this backend has started and not finished, and notifies the manager.
 */
void finish_commit_prepared() noexcept;
/* Removes this transaction's blocks: managers may run again in the databases that it needed without
 * sessions. */
void remove_blocks() noexcept;
/* Removes the blocks of a subtransaction that is rolled back. */
void remove_blocks_of(SubTransactionId subtransaction) noexcept;
void move_blocks_to_parent(SubTransactionId subtransaction, SubTransactionId parent) noexcept;

} // namespace pgtrickle::mailbox
