#!/usr/bin/python3 -B
"""Shows that every answer satisfies pg_trickle's promises during concurrent random actions.

Writers number their transactions, so each answer shows its state: it may not be older than max_staleness or
the schedule allows, stream tables of one statement may not differ where they must be of one state, no answer
goes back in time, and no reported age is younger than the rows. Meanwhile definitions change, refreshes are
held, locks are held, and processes are terminated. When all sessions have ended, every stream table equals
its query, and neither the history nor the log reports damage.

  promises.py [--seconds N] [--readers N] [--seed N] [--crash]
"""

import argparse
import os
import re
import sys
import time
from pathlib import Path

import final_state
from promise.operators import Definer, Killer, Locker, Operator
from promise.readers import Reader
from promise.world import WRITERS, World
from promise.writers import Writer

sys.path.append(str(Path(__file__).resolve().parents[1]))
from server_log import ServerLog  # noqa: E402: needs the path above
from seeds import SEED  # noqa: E402

# Expected causes of a failed refresh: it was cancelled or terminated, had to wait, or read an object that is
# renamed, dropped or held.
CAUSES = re.compile(r"canceling statement|terminating (connection|background worker)|lock timeout|deadlock|could not (obtain lock|lock source)|concurrent (refresh|change)|"
                    r"could not serialize|cannot be refreshed now|is (gated|paused|suspended|drained)|does not exist|was rolled back|tuple concurrently|was altered")


def check_history(cursor, world):
    """Checks that each failed refresh was caused by a session of this script."""
    final_state.check_history(cursor, world.fault)
    cursor.execute("SELECT s.pgt_name, h.start_time, h.action, h.initiated_by, h.error_message "
                   "FROM pgtrickle.pgt_refresh_history h JOIN pgtrickle.pgt_stream_tables s USING (pgt_id) "
                   "WHERE h.status = 'FAILED' ORDER BY h.refresh_id")
    for row in cursor.fetchall():
        if not CAUSES.search(row[-1] or ""):
            world.fault(f"history: {row}")


def check(world, log, allowed):
    session = world.connect()
    cursor = session.cursor()
    cursor.execute("SELECT pgt_name, last_error_message FROM pgtrickle.pgt_stream_tables WHERE status = 'ERROR'")
    for row in cursor.fetchall():
        world.fault(f"was given up: {row}")
    final_state.check_leftovers(cursor, world.fault)
    world.counts["stream tables in the end"] = final_state.check_equality(cursor, world.fault)
    cursor.execute("SELECT name, staleness FROM pgtrickle.pgt_status() WHERE staleness <> interval '0'")
    for row in cursor.fetchall():
        world.fault(f"is said to be stale when all is quiet: {row}")
    check_history(cursor, world)
    session.close()
    for line in log.alarms(allowed):
        world.fault(line)


def tell(world, path):
    """Prints the faults, and writes to a file the actions in the seconds before."""
    with open(path, "w", encoding="utf-8") as file:
        for begun, ended, who, statement, outcome in sorted(world.history):
            file.write(f"{begun:.6f} {ended:.6f} {who}: {statement}\n    {outcome}\n")
    print(f"not ok promises (seed {world.seed}, database {world.database}; all actions, each with its begin and end, "
          f"are in {path})")
    for at, fault in world.faults[:10]:
        print(f"{at:.6f}: {fault}")


def run(world, sessions):
    threads = [session.start() for session in sessions]
    for thread in threads:
        thread.join()
    for session in sessions:
        session.end()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("DURATION_S", "15")))
    parser.add_argument("--readers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--crash", action="store_true", help="kill processes, so that the server starts again")
    arguments = parser.parse_args()
    log = ServerLog()
    world = World(arguments.seconds, arguments.seed)
    world.set_up()
    world.ends_at = time.time() + arguments.seconds
    sessions = [Writer(world, number) for number in range(WRITERS)]
    sessions += [Reader(world, f"reader {number}", 30 + number) for number in range(arguments.readers)]
    sessions += [Definer(world, "definer", 50), Operator(world, "operator", 51), Locker(world, "locker", 52),
                 Killer(world, 53, arguments.crash)]
    run(world, sessions)
    check(world, log, "was terminated by signal 9" if arguments.crash else "(?!)")
    print(f"seed {world.seed}, " + ", ".join(f"{what}: {number}" for what, number in sorted(world.counts.items())))
    if world.faults:
        tell(world, os.path.join(os.environ.get("SCRATCH", "."), f"promises.{world.seed}.history"))
        return 1
    world.admin(f"DROP DATABASE {world.database} WITH (FORCE)")
    print("ok promises")
    return 0


sys.exit(main())
