/*
 * Refreshes that their process did not survive.
 *
 * The code of a query can end the process that runs it: an error is FATAL under exit_on_error, which any role may set.
 * The process notes that when it exits, so that the next refresh of the stream table is counted as failed. While a
 * manager starts again, nothing is refreshed; therefore it runs no code of an owner that has ended a process. A move of
 * rows to new partitions, which is no part of the refresh, is put off where the last one has ended its process.
 *
 * Nothing ereports.
 */
#pragma once

#include "pg/versions/postgres.hpp"
#include "scheduler/job.hpp"

namespace pgtrickle::mailbox {

using scheduler::ProcessEnd;

/* Notes that the process of a refresh of these stream tables ends. `owner`: whose code it runs. */
void note_process_end(const Oid *relids, int count, Oid owner, ProcessEnd how) noexcept;
/* As note_process_end(), of stream tables of any database, for the postmaster, which creates shared memory. */
void note_lost_attempt(Oid database, const Oid *relids, int count, Oid owner, ProcessEnd how) noexcept;
/* Returns how the process of the last refresh of the stream table has ended, until forget_process_end(). */
ProcessEnd process_end_of(Oid relid) noexcept;
void forget_process_end(Oid relid) noexcept;
/* Whether a move of rows of the stream table has ended its process within the last hour. */
bool has_move_ended_process(Oid relid) noexcept;
/* Whether code of this role has ended a process since the server has started. Of more than 64 roles, the last ones are
 * known. */
bool has_ended_process(Oid owner) noexcept;

} // namespace pgtrickle::mailbox
