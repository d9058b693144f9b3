/*
 * Attempts to refresh that outlive the server's shared memory.
 *
 * A refresh may crash the server, as by a query for which the system has no memory left. Its process notes nothing
 * then, and the refresh would begin again after the restart, and crash the server again, without end. So what a
 * process is about to refresh is in a slot of a file that is mapped into all processes, until the attempt or the
 * process has ended: those that PostgreSQL ends after a crash of another one are asked by SIGQUIT, and clear their
 * slots. What the file contains when shared memory is created is noted as the end of a process by its code
 * (process_end.hpp). The file is where PostgreSQL keeps statistics: no base backup contains it.
 *
 * Nothing ereports but start_kept_attempts(), which runs in the postmaster. Without the file, nothing is kept.
 */
#pragma once

#include "mailbox/process_end.hpp"

namespace pgtrickle::mailbox {

/* Keeps the attempt of this process to refresh these stream tables, which may be none, with code of `owner`; not in a
 * process without a slot of a worker. Replaces one that is kept. */
void keep_attempt(const Oid *relids, int count, Oid owner, ProcessEnd how) noexcept;
/* May be called by the handler of a signal. */
void drop_kept_attempt() noexcept;

} // namespace pgtrickle::mailbox
