/*
 * The mailbox as the launcher and the managers see it. Included by worker/ only.
 *
 * As in mailbox.hpp, every function is noexcept and never ereports, except those that register a process
 * (before_shmem_exit may).
 *
 * A manager or a refresh worker that exits in a manner that keeps the server up frees its slot by
 * before_shmem_exit; the manager answers its waiting readers `no_manager`. A process killed by a signal makes
 * the postmaster restart the cluster, and shared memory is initialized again.
 */
#pragma once

#include "mailbox/mailbox.hpp"

#include <vector>

namespace pgtrickle::mailbox {

/* ---- the launcher ---- */

/* Registers this process as the launcher, until it exits. */
void become_launcher();
/* Number of wake-ups requested of the launcher so far; its latch is set by each. */
uint32_t launcher_wakeups() noexcept;
/* Databases for which a manager is requested and that have none: a backend requested one, or the last manager
 * exited without having retired. Each is returned until settle_start_request(), except while the database is
 * blocked. Empty if out of memory. */
std::vector<Oid> requested_managers() noexcept;
/* Whether requested_managers() would return any database. */
bool is_start_requested() noexcept;
/* Withdraws the start request of a database whose manager the launcher cannot start: the waiting readers of
 * the database are answered `no_manager`. */
void settle_start_request(Oid database) noexcept;
/* Records that a manager is about to be started. The start request stands until that manager has registered,
 * since it may fail before. Returns false if there is no room for more managers and start requests. */
bool expect_manager(Oid database) noexcept;
/* False if the last expected manager has not registered; once it has exited, this means that it failed before
 * it could. */
bool has_come(Oid database) noexcept;
/* Makes room for a process of another database: among the managers that have been running for `turn_us` and
 * have not been asked yet, asks the one that has been running for the longest time to exit when it has
 * finished its jobs. */
void ask_for_room(TimestampTz now, int64_t turn_us) noexcept;
/* Asks the manager of the database, if there is one, to exit when it has finished its jobs. */
void ask_to_leave(Oid database) noexcept;
/* Whether a backend is dropping, renaming or copying the database, which must have no manager meanwhile. */
bool is_blocked(Oid database) noexcept;
/* True once after each restart and each doubt_registry(): the registry may not list every database. */
bool take_registry_doubt() noexcept;
/* True once after a start was requested while there was no room for the request. Any database may be
 * concerned. */
bool take_lost_start_request() noexcept;
void doubt_registry() noexcept;
/* Frees the entries of stream tables in databases other than these, which exist: the others were dropped. */
void keep_databases(const std::vector<Oid> &databases) noexcept;

/* ---- a manager ---- */

/* Number of transactions that changed settings of a database. */
uint64_t settings_changes() noexcept;
/* Registers this process as the manager of its database, until it exits. Returns false if there is another
 * one, or if the database is blocked. */
bool become_manager();
/* Number of transactions that changed definitions or states. */
uint32_t definition_changes() noexcept;
/* Unregisters this manager because there is nothing to do in this database, which no longer needs a manager.
 * Returns false if definitions have changed since there were `changes_seen` changes; after true, the process
 * must exit. */
bool retire(uint32_t changes_seen) noexcept;
/* Whether the manager must start no further jobs: another database needs this process, or the process has
 * settings that its database no longer has. */
bool is_asked_for_room() noexcept;
/* Sets is_asked_for_room() of this manager itself. */
void make_room() noexcept;
/* Whether this process must leave the database. For a manager or a refresh worker. */
bool is_asked_to_exit() noexcept;
struct Request {
    int slot;
    uint64_t generation;
    std::vector<Oid> relids;
};
/* Returns all waiting requests of this database and marks them as taken. */
std::vector<Request> take_requests() noexcept;
/* Whether the reader still waits for the answer. */
bool is_waiting(const Request &request) noexcept;
void publish_workers(const Request &request, const std::vector<int> &pids) noexcept;
void answer(const Request &request, const Reply &reply) noexcept;

/* Returns the stream tables of this database that have an entry; without some of them if memory runs out. */
std::vector<Oid> known_stream_tables() noexcept;
/* As forget(), but takes effect at once. For stream tables that a prepared transaction has dropped, or that were
 * dropped before this process made their entries. */
void forget_at_once(Oid relid) noexcept;

/* `first`: the first member of the atomic set of `relid`, which is refreshed as a whole, regardless of its
 * members' own schedules; InvalidOid: it is in no atomic set. Takes effect at once, as
 * set_effective_schedule() does, and must be called before it. */
void set_atomic_set(Oid relid, Oid first) noexcept;

/* ---- notifications of changes; changed_bits.cpp shows why none is lost ---- */

int slot_total() noexcept;
uint32_t slot_of_source(Oid source) noexcept;
/* Slot that every stream table reads in addition to those of its sources; it counts COMMIT PREPARED. */
uint32_t slot_of_database() noexcept;
/* True once after any bit was set: until then no bit needs to be looked at. */
bool take_change_flag() noexcept;
/* Bits of 64 slots: 1 where a source has changed since forget_change(). */
uint64_t changed_word(int word) noexcept;
/* Clears the bit of the slot. The next commit that changes a source of the slot sets the bit and this
 * process's latch. Must be called before the stream tables that read it are checked. */
void forget_change(uint32_t slot) noexcept;
/* True once after changes may have happened that set no bit. */
bool take_full_check() noexcept;
/* True once after the mailbox began to know a stream table without its effective schedule: a new one, or one for which
 * it had no room when the schedule was set, or that it had lost. */
bool take_lack_of_schedule() noexcept;
/* Number of transactions that changed a source of the slot. */
uint64_t commits_of(uint32_t slot) noexcept;

/* ---- refresh workers ----
 *
 * A worker that is about to be started already has a slot. The number of refreshes of all databases is found
 * by looking at the slots; it stays correct when a process dies. */

struct WorkerKey {
    int slot = -1;
    uint32_t generation = 0;
    bool is_valid() const { return slot >= 0; }
};

/* A job for which a turn is requested. */
struct Turn {
    int limit = 0;          /* maximum number of turns at once, in all databases */
    int owner_limit = 0;    /* maximum number of turns of one owner */
    Oid owner = InvalidOid; /* of the stream tables that it refreshes; InvalidOid: upkeep */
};
enum class Admission {
    admitted,
    not_its_turn, /* no turn is free or other databases come first, whatever the owner of the job */
    not_its_share /* its owner has as many workers as it may have: jobs of other owners may be admitted */
};

/* Requests a turn to refresh, among all databases, for a worker that is to be started, and stores its `key`
 * if it is admitted. Otherwise this manager's latch will be set when a retry is worth while. A manager that
 * has waited for two seconds comes first, then the one whose database has the fewest busy workers, then the
 * one that has waited longest; for a fifth of a second after a turn became free no other manager overtakes
 * them. The managers that wait for a share of one owner are ordered by the same rules. */
Admission admit_new(const Turn &turn, WorkerKey *key) noexcept;
/* Like admit_new(), for a worker of this manager that is already running. */
Admission admit(const WorkerKey &worker, const Turn &turn) noexcept;
/* Ends the turn of `worker`. */
void end_turn(const WorkerKey &worker) noexcept;
/* Frees the slot of a worker that could not be started or has exited. */
void forget_worker(const WorkerKey &worker) noexcept;
/* Records that this manager has no job for which it needs a turn. */
void stop_waiting_for_turn() noexcept;
/* Owner for whose share this manager waits, the first of several; InvalidOid: none. */
Oid awaited_share() noexcept;
void stop_waiting_for_share() noexcept;
/* Called by a refresh worker, or by a manager that stands in for one, when it begins to refresh `count`
 * stream tables in one transaction. `first` InvalidOid: the refresh has ended. */
void publish_attempt(Oid first, int count) noexcept;
/* Process id of `worker`; 0 if it has not registered yet. */
int pid_of(const WorkerKey &worker) noexcept;
/* Records that this process, a manager, does the work of `worker` itself. */
void stand_in(const WorkerKey &worker) noexcept;
/* Registers this process as `worker`; false if the worker is no longer needed. */
bool become_worker(const WorkerKey &worker);

/* Records whether this manager cannot start a process. Other managers then end their idle workers; wakes all
 * managers. */
void set_process_shortage(bool is_lacking) noexcept;
void launcher_lacks_process(bool is_lacking) noexcept;
/* Records whether databases wait for a manager because there are too few processes. */
void managers_take_turns(bool do_take) noexcept;
/* Whether a manager of another database, or the launcher, cannot start a process. */
bool is_process_short() noexcept;

} // namespace pgtrickle::mailbox
