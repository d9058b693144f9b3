/*
 * The layout of the mailbox in shared memory. For manager/mailbox/ only.
 *
 *   SourceSlot[n]   counters of sources, hashed by (database, source); lock-free
 *   entries         one a stream table, a hash table under `entry_lock`
 *   ReadingCell[n]  what each entry's last refresh read, linked lists under `entry_lock`
 *   ManagerSlot[n]  the managers, one a database, under `request_lock`
 *   changed bits    one a source slot for each manager: news for it; lock-free
 *   WorkerSlot[n]   the refresh workers of all databases, under `request_lock`
 *   RequestSlot[n]  one a backend, by its process number, under `request_lock`
 *
 * Indices, no pointers. Nothing ereports while a lock is held.
 */
#pragma once

#include "mailbox/mailbox.hpp"
#include "mailbox/zone.hpp"

extern "C" {
#include "storage/lwlock.h"
#include "utils/hsearch.h"
}

#include <atomic>

namespace pgtrickle::mailbox {

/* When the change that made `started` equal to `count` was about to commit. */
struct Mark {
    std::atomic<uint64_t> count;
    std::atomic<int64_t> at;
};

constexpr int marks_per_slot = 14;

struct alignas(256) SourceSlot {
    std::atomic<uint64_t> started;    /* transactions that changed the source and reached PRE_COMMIT */
    std::atomic<uint64_t> finished;   /* those of them that are over, visibly */
    std::atomic<uint32_t> wants_mark; /* somebody has observed since the last mark */
    std::atomic<uint32_t> next_mark;
    Mark marks[marks_per_slot];
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
    bool is_settled; /* nothing was between PRE_COMMIT and its end when observed */
    TimestampTz observed_at;
    TimestampTz as_of; /* stream tables: no base change before it is missing in what was read */
    int32_t next;
};

struct Entry {
    EntryKey key; /* first, for dynahash */
    State state;
    bool has_state;
    bool has_readings;
    bool is_time_dependent; /* as of the last refresh, as is the next one */
    bool is_over_time_dependent; /* it, or an upstream of it */
    bool has_own_schedule; /* see set_effective_schedule(), as for the next one */
    bool waits_for_others;
    Oid atomic_set; /* see set_atomic_set() */
    int32_t first_cell; /* the stream table's own slot and the database's are the first two */
    TimestampTz as_of;
    TimestampTz refreshed_at; /* not after its last refresh took its snapshot */
    std::atomic<int64_t> dirty_since; /* as last computed, 0: not since the last refresh */
    std::atomic<int64_t> own_dirty_since;
};

struct ManagerSlot {
    std::atomic<uint32_t> database; /* InvalidOid: free */
    std::atomic<int32_t> pid;       /* 0: none is running */
    int32_t process;                /* its number in ProcGlobal */
    std::atomic<uint32_t> has_news;          /* a bit was set since the manager looked at all of them */
    std::atomic<uint32_t> needs_full_check;       /* something may have changed that no bit tells of */
    std::atomic<uint32_t> has_requests;
    std::atomic<uint32_t> definition_changes; /* counts */
    std::atomic<uint32_t> is_asked_to_exit;
    std::atomic<uint32_t> is_asked_for_room; /* to leave when what it has begun is done */
    bool is_wanted;    /* the launcher is to start one */
    bool has_come;     /* the one that it started last */
    TimestampTz came_at;
    TimestampTz waits_since;  /* for its turn to refresh; 0: it does not */
    Oid share_owner;          /* the owner for a share of which it waits; InvalidOid: none */
    TimestampTz share_since;
    std::atomic<uint32_t> lacks_process; /* it could not start a refresh worker: there were too many processes */
    int32_t blocks;    /* of backends that drop, rename or copy the database */
    char zone[zone_name_size]; /* the database's time zone, empty: not told yet; under request_lock */
};

/* From before a refresh worker is started until it has left. A manager that refreshes by itself has one too. */
struct WorkerSlot {
    Oid database; /* InvalidOid: free */
    uint32_t generation; /* counts its users */
    int32_t pid;     /* 0: it has not come yet */
    int32_t process; /* its number in ProcGlobal */
    bool is_busy;
    std::atomic<uint32_t> is_asked_to_exit;
    int32_t owner_count; /* while it is busy: the owners of what it refreshes */
    Oid owners[max_owners_counted];
    std::atomic<uint32_t> first_member; /* of the attempt under way; InvalidOid: none is */
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
    int32_t served_by[max_served_by]; /* process ids, as far as there is room, then 0 */
    Reply reply;
};

struct Shared {
    LWLock *entry_lock;
    LWLock *request_lock;
    int32_t slot_count; /* a power of two */
    int32_t cell_count;
    int32_t manager_count;
    int32_t request_count;
    int32_t free_cell; /* first of the list of free cells */
    std::atomic<int32_t> launcher_pid;
    int32_t launcher_process;
    std::atomic<uint32_t> launcher_lacks_process;
    TimestampTz turn_came_at; /* when a refresh last ended, or a manager stopped waiting for its turn */
    std::atomic<uint32_t> launcher_calls; /* counts pokes */
    std::atomic<uint32_t> is_registry_doubtful; /* the launcher is to look at the databases there are */
    std::atomic<uint32_t> has_lost_start_request; /* any database may want a manager */
};

/* This process's view; shared is nullptr without shared memory. */
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
/* `since`: commit time of the oldest base change in it, 0 for now. Returns as which of all changes of the slot it counts. */
uint64_t start(uint32_t slot, TimestampTz since) noexcept;
void finish(uint32_t slot) noexcept;
/* The time marked for count `count` in `slot`, 0 if there is none. */
TimestampTz marked_time(const SourceSlot &slot, uint64_t count) noexcept;

/* ---- stream_tables.cpp ---- */
struct SettledReading {
    uint32_t slot;
    Oid stream_table;
    uint64_t seen;
    bool is_settled;
    TimestampTz observed_at;
};
void apply_refresh(Oid relid, const SettledReading *readings, int count, bool is_time_dependent) noexcept;
void apply_state(Oid relid, const State &state, bool only_if_absent) noexcept;
void apply_forget(Oid relid) noexcept;
void forget_database(Oid database) noexcept;
/* Whether what `relid` read at its last committed refresh includes a slot for which `matches`;
 * true if nothing is known of it. */
bool has_reading(Oid relid, bool (*matches)(uint32_t slot)) noexcept;

/* ---- managers.cpp ---- */
/* Called with request_lock held; nullptr when there is none. */
ManagerSlot *find_manager(Oid database) noexcept;
/* Exclusively. nullptr when there are too many databases. */
ManagerSlot *find_or_make_manager(Oid database) noexcept;
/* Exclusively. What nobody is in, wants or blocks is not kept. */
void free_if_idle(ManagerSlot *slot) noexcept;
/* Exclusively. True if a manager will come soon. The start request for one in a blocked database stands until the blocks are lifted. */
bool request_start(Oid database) noexcept;
ManagerSlot *own_manager_slot() noexcept; /* in a manager; else nullptr */
void wake_launcher() noexcept;
void announce_definition_change() noexcept;
/* To the managers of all databases. */
void announce_settings_change() noexcept;
/* When this transaction commits, settings of a database, or of all of them, are others. */
void note_settings_change() noexcept;

/* ---- requests.cpp ---- */
int32_t my_process() noexcept;
void wake_process(int32_t process) noexcept;
/* Exclusively. Those that wait in the database. */
void answer_all(Oid database, const Reply &reply) noexcept;
void drop_request_at_end() noexcept;

/* ---- news.cpp ---- */
/* The source of this slot has changed visibly: the manager is told, if it wants to know. */
void log_change(uint32_t slot) noexcept;
/* The manager is to look at everything. */
void log_full_check() noexcept;

/* ---- workers.cpp; request_lock is held ---- */
/* The refresh workers of a database are to leave, and those that have not come yet not to stay. */
void send_workers_away(Oid database) noexcept;
/* This manager leaves: those it has started that have not come are not to stay, and it does nothing any more itself. */
void forget_own_workers() noexcept;
/* The manager of `slot` waits for its turn no more. */
void stop_waiting(ManagerSlot *slot) noexcept;

/* ---- transaction.cpp, utility.cpp ---- */
/* The counters of COMMIT PREPARED that this backend started and has not finished. */
void finish_commit_prepared() noexcept;
/* Managers may run again in the databases this transaction needed without sessions. */
void lift_bars() noexcept;
/* The same for those that a subtransaction needed, which is rolled back. */
void lift_bars_of(SubTransactionId subtransaction) noexcept;
void pass_bars_on(SubTransactionId subtransaction, SubTransactionId parent) noexcept;

} // namespace pgtrickle::mailbox
