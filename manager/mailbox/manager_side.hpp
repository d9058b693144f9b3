/*
 * The mailbox as the launcher and the managers see it. Includes of worker/ only.
 *
 * As in mailbox.hpp, every function is noexcept and never ereports, the registering ones
 * aside (on_shmem_exit may).
 *
 * A manager that goes away in any manner that keeps the server up leaves by
 * before_shmem_exit and answers its waiting readers `no_manager`. A process killed by a
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
/* Databases for which a backend asked for a manager and which have none; each is returned until
 * settle_wish(). May be short of some on out of memory. */
std::vector<Oid> wished_managers() noexcept;
/* The launcher has acted on the wish: started one (it registers itself), or cannot: then the
 * waiting readers of the database are answered `no_manager`. */
void settle_wish(Oid database, bool can_start) noexcept;
/* A backend is dropping, renaming or copying the database: no manager now. */
bool is_barred(Oid database) noexcept;
/* The registry may not know every database: true once after each restart and each doubt. */
bool take_registry_doubt() noexcept;
void doubt_registry() noexcept;

/* ---- a manager ---- */

/* This process is the manager of its database from now on, until it exits; false if there
 * is another, or the database is barred. */
bool become_manager();
/* Counts transactions that changed definitions or states. */
uint32_t definition_changes() noexcept;
/* There is nothing to do in this database: no manager is wanted any more. False if definitions have
 * changed since there were `changes_seen` changes; true: the process must exit. */
bool retire(uint32_t changes_seen) noexcept;
bool is_asked_to_exit() noexcept;
/* From now until the next wake-up, the first commit that changes a source sets this process's
 * latch. To be called before looking at the stream tables. */
void want_wake_up() noexcept;

struct Request {
    int slot;
    uint64_t generation;
    std::vector<Oid> relids;
};
/* Takes all waiting requests of this database. */
std::vector<Request> take_requests() noexcept;
void answer(const Request &request, const Reply &reply) noexcept;

} // namespace pgtrickle::mailbox
