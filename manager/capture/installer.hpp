/*
 * How the capture of sources begins for a stream table without making writers wait for its fill.
 *
 * Triggers are created under ShareRowExclusive, which conflicts with every writer. A transaction that fills a
 * stream table, or that may stay open for long, must not hold this lock. Therefore an installer, a background
 * process for this purpose, begins the capture in a transaction of its own, which commits at once:
 *
 *   the requesting session                         the installer
 *   claims the sources (to its end)
 *   waits for transactions that are writing to them; later writers are not in the way
 *   waits for the turn of the stream table's owner
 *                                                  ShareRowExclusive, log, triggers; commits
 *   finds the sources captured: locks the logs
 *
 * All transactions that write without the triggers have ended before the installer gets its lock, and so
 * before a snapshot that the session takes after that. The claim keeps release() from ending the capture
 * before the session's dependencies are committed.
 *
 * Processes are few, and the owner of a locked table may keep an installer waiting. Therefore an owner has
 * one installer at a time in the whole server, and an installer gives up after a while, at first after a
 * second; the session then ends its turn and waits for writers again. A session waits for its turn as for a
 * lock. While an installer waits for a lock, the session checks whether the installer waits for the session's
 * own transaction; if so, the session takes the locks itself. If the session ends, its installer is
 * terminated; if the installer ends without an outcome, the session does the work itself.
 *
 * The session does in its own transaction, under locks that it holds to its end, what no other process can
 * do: if it has created or locked the source itself, or if no process is available.
 */
#pragma once

#include "pg/boundary.hpp"

#include <vector>

namespace pgtrickle::capture {

struct WantedSource {
    Oid relid;
    std::vector<AttrNumber> columns; /* ascending */
};

/* Makes sure that changes of these columns of these sources are logged, as ensure_captured() does, for the
 * stream table of `owner` in this transaction. Raises the errors of ensure_captured(). lock_timeout applies
 * to each wait, and to the waits of all installers together. C++ frame. */
void begin_capture(const std::vector<WantedSource> &wanted, Oid owner);

/* The task of the installer, in a segment of shared memory. `count` entries follow: relid, number of columns,
 * columns. */
struct InstallerTask {
    Oid database;
    int32 reader; /* process number of the requesting session; its latch is set when there is an outcome */
    int32 lock_timeout_ms;
    int32 count;
    volatile int32 outcome; /* an InstallerOutcome */
    int32 numbers[FLEXIBLE_ARRAY_MEMBER];
};
enum class InstallerOutcome : int32 { none, done, timed_out, failed, is_deadlock };

} // namespace pgtrickle::capture
