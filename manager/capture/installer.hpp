/*
 * How the capture of sources begins for a stream table, so that no writer waits for its fill.
 *
 * Triggers are put on a source under ShareRowExclusive, which no writer shares. A transaction that fills a stream table, or whose
 * session is in no hurry to commit, must not hold it. So an installer, a background process that lives for this, begins the capture
 * in a transaction of its own, which commits at once:
 *
 *   the reader                                   the installer
 *   claims the sources (until its end)
 *   waits until those have ended who write to them now; who comes later is not in the way
 *   waits for the turn of the stream table's owner
 *                                                ShareRowExclusive, log, triggers; commits
 *   finds them captured: locks the logs
 *
 * All who write without the triggers have ended before the installer had its lock, and so before a snapshot that the reader takes
 * after that. The claim keeps release() from ending the capture before the reader's dependencies are committed.
 *
 * Processes are few, and whose table is locked may keep an installer waiting. So an owner has one installer at a time in the whole
 * server, and it gives up after a while, beginning with a second; then the reader ends its turn, and starts over from the writers. Who
 * waits for a turn waits for a lock. While an installer waits for a lock, the reader looks whether it waits for this transaction, and then
 * takes the locks itself. An installer whose reader has gone is terminated; a reader whose installer has gone does the work itself.
 *
 * What no other process can do is done in the reader's own transaction, under locks that it holds to its end: where that has created
 * or locked the source itself, or where no process is to be had.
 */
#pragma once

#include "pg/boundary.hpp"

#include <vector>

namespace pgtrickle::capture {

struct WantedSource {
    Oid relid;
    std::vector<AttrNumber> columns; /* ascending */
};

/* Makes sure that changes of these columns of these sources are logged, as ensure_captured() does, for the stream table of `owner` in
 * this transaction. Raises what ensure_captured() raises; lock_timeout applies to each wait, and to what installers wait for in
 * all. C++ frame. */
void begin_capture(const std::vector<WantedSource> &wanted, Oid owner);

/* What the installer is to do, in a segment of shared memory; then follow `count` times relid, number of columns, columns. */
struct InstallerTask {
    Oid database;
    int32 reader; /* its number among the server's processes; its latch is set when there is an outcome */
    int32 lock_timeout_ms;
    int32 count;
    volatile int32 outcome; /* an InstallerOutcome */
    int32 numbers[FLEXIBLE_ARRAY_MEMBER];
};
enum class InstallerOutcome : int32 { none, done, timed_out, failed };

} // namespace pgtrickle::capture
