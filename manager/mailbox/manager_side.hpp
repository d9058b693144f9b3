/*
 * The mailbox as the launcher and the managers see it. Includes of worker/ only.
 *
 * As in mailbox.hpp, every function is noexcept and never ereports, the registering ones
 * aside (on_shmem_exit may).
 *
 * A manager or a refresh worker that goes away in any manner that keeps the server up leaves by
 * before_shmem_exit; the manager answers its waiting readers `no_manager`. A process killed by a
 * signal takes shared memory with it: the postmaster restarts the cluster.
 */
#pragma once

#include "mailbox/mailbox.hpp"

#include <vector>

namespace pgtrickle::mailbox {

/* ---- the launcher ---- */

/* This process is the launcher from now on, until it exits. */
void become_launcher();
/* Counts the calls; the launcher's latch is set by each. */
uint32_t launcher_calls() noexcept;
/* Databases in which a manager is wanted and none is there: a backend asked for one, or the last one left without having
 * retired. Each is returned until settle_start_request(), but while it is blocked. None on out of memory. */
std::vector<Oid> requested_managers() noexcept;
/* Whether there are any. */
bool is_start_requested() noexcept;
/* The launcher cannot start one: the waiting readers of the database are answered `no_manager`. */
void settle_start_request(Oid database) noexcept;
/* One is about to be started: the start request stands until it is there, for it may fail before that. False: there is no
 * room for more managers and start requests. */
bool expect_manager(Oid database) noexcept;
/* False if the one last expected failed before it was there. */
bool has_come(Oid database) noexcept;
/* Another database is in need of a process: of those managers that have been there for `turn_us` and are not asked yet, the
 * one that has been there for the longest time is to leave when what it has begun is done. */
void ask_for_room(TimestampTz now, int64_t turn_us) noexcept;
/* A backend is dropping, renaming or copying the database: no manager now. */
bool is_blocked(Oid database) noexcept;
/* The registry may not know every database: true once after each restart and each doubt. */
bool take_registry_doubt() noexcept;
/* A start was requested where there was no room for the request: true once. Any database may be meant. */
bool take_lost_start_request() noexcept;
void doubt_registry() noexcept;
/* Frees what is kept of stream tables in other databases than these: they were dropped. */
void keep_databases(const std::vector<Oid> &databases) noexcept;

/* ---- a manager ---- */

/* This process is the manager of its database from now on, until it exits; false if there
 * is another, or the database is blocked. */
bool become_manager();
/* Counts transactions that changed definitions or states. */
uint32_t definition_changes() noexcept;
/* There is nothing to do in this database: no manager is wanted any more. False if definitions have
 * changed since there were `changes_seen` changes; true: the process must exit. */
bool retire(uint32_t changes_seen) noexcept;
/* Another database is in need of this process, or it has settings that are no longer those of its database: begin nothing
 * any more. */
bool is_asked_for_room() noexcept;
/* This manager asks itself. */
void make_room() noexcept;
/* Of a refresh worker too: the database is to be left. */
bool is_asked_to_exit() noexcept;
struct Request {
    int slot;
    uint64_t generation;
    std::vector<Oid> relids;
};
/* Takes all waiting requests of this database. */
std::vector<Request> take_requests() noexcept;
/* Whether the reader still wants the answer. */
bool is_waiting(const Request &request) noexcept;
void log_workers(const Request &request, const std::vector<int> &pids) noexcept;
void answer(const Request &request, const Reply &reply) noexcept;

/* `first`: the first member of the atomic set of `relid`, which is refreshed as a whole, regardless of the members' own
 * schedules. InvalidOid: it is in none. At once, as set_effective_schedule(), and to be called before that. */
void set_atomic_set(Oid relid, Oid first) noexcept;

/* ---- news of changes; see news.cpp for why none is lost ---- */

int slot_total() noexcept;
uint32_t slot_of_source(Oid source) noexcept;
/* What every stream table reads beside its sources: COMMIT PREPARED counts there. */
uint32_t slot_of_database() noexcept;
/* True once if any bit was set: before that none needs to be looked at. */
bool take_news() noexcept;
/* The bits of 64 slots: 1 where something has changed since forget_change(). */
uint64_t changed_word(int word) noexcept;
/* From now on the first commit that changes the slot's source sets its bit and this process's latch. To be called before
 * looking at who reads it. */
void forget_change(uint32_t slot) noexcept;
/* True once if something may have changed that no bit tells of. */
bool take_full_check() noexcept;
/* Counts transactions that changed the source. */
uint64_t commits_of(uint32_t slot) noexcept;

/* ---- refresh workers ----
 * One that is about to be started has a slot already, so that the refreshes of all databases
 * are counted by looking at the slots, and nothing is counted wrong when a process dies. */

struct WorkerKey {
    int slot = -1;
    uint32_t generation = 0;
    bool is_valid() const { return slot >= 0; }
};

/* A job for which a turn is wanted, and the owners of what it refreshes; none for upkeep. */
struct Turn {
    int limit = 0;       /* of turns at once, in all databases */
    int owner_limit = 0; /* of those of one owner */
    int owner_count = 0;
    Oid owners[max_owners_counted] = {}; /* each once */
};
enum class Admission {
    admitted,
    not_its_turn, /* others come first, for every owner */
    not_its_share /* an owner of it has as many workers as it may: jobs of others may be admitted */
};

/* A turn to refresh, among all databases, for a worker that is to be started; `key` is that worker's, if admitted. Else
 * this manager's latch will be set when it is worth another try. Who has waited for two
 * seconds comes first, then whose database has the fewest, then who waits longest; for a fifth of a second
 * after a turn came none overtakes them. The same holds among those that wait for a share of the same owner. */
Admission admit_new(const Turn &turn, WorkerKey *key) noexcept;
/* The same for a worker of this manager that is there. */
Admission admit(const WorkerKey &worker, const Turn &turn) noexcept;
/* Its turn is over. */
void end_turn(const WorkerKey &worker) noexcept;
/* It could not be started, or is gone. */
void forget_worker(const WorkerKey &worker) noexcept;
/* This manager has nothing to refresh for which it would want a turn. */
void want_no_turn() noexcept;
/* The owner whose share this manager waits for, the first of several; InvalidOid: none. */
Oid awaited_share() noexcept;
void want_no_share() noexcept;
/* For a refresh worker, or a manager that stands in for one: it begins to refresh these in one transaction; `first`
 * InvalidOid: it has ended. */
void note_attempt(Oid first, int count) noexcept;
/* 0 if it has not come yet. */
int pid_of(const WorkerKey &worker) noexcept;
/* This process, a manager, does the work of `worker` itself. */
void stand_in(const WorkerKey &worker) noexcept;
/* This process is that worker from now on; false if it is not wanted any more. */
bool become_worker(const WorkerKey &worker);

/* No process can be started in place of this one's: who has idle workers is to let them go. Wakes all managers. */
void lack_process(bool is_lacking) noexcept;
void launcher_lacks_process(bool is_lacking) noexcept;
/* Whether a manager of another database, or the launcher, lacks one. */
bool is_process_lacked() noexcept;

} // namespace pgtrickle::mailbox
