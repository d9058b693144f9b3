#!/usr/bin/python3 -B
"""Shows when a read by schedule reports that an upstream with a schedule of its own is late: once that exceeds the schedules of both,
and the time that readers would wait for it. The clock is set from one age of the missing change to the next."""

import itertools
import os
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases, server_that_lacks, set_clock  # noqa: E402: needs the path above

HOUR_S = 3600
TIMEOUTS_S = (1, 5, 20)
SCHEDULES = {"1s": 1, "2s": 2, "12s": 12, "0 * * * *": None}
UPSTREAMS = ("2s", "12s", "0 * * * *")
clock = Path(os.environ["SCRATCH"] + ".clock")
server = server_that_lacks({"CLOCK": clock})
db = Database(server.host)


def due_after(schedule, time_s):
    """Returns when a change of this time is due."""
    return time_s + SCHEDULES[schedule] if SCHEDULES[schedule] else (time_s // HOUR_S + 1) * HOUR_S


def now_s():
    return float(db.value("SELECT extract(epoch FROM clock_timestamp())"))


def warnings_at(at_s, timeout_s):
    """Sets the clock, and reads. Returns the warnings, and the time of the read, which may have been a little later."""
    set_clock(clock, max(0, int(at_s - time.time())))
    session = db.connect()
    cursor = session.cursor()
    cursor.execute(f"SET pg_trickle.scan_refresh_timeout = '{timeout_s}s'")
    began_at = now_s()
    cursor.execute("SELECT n FROM above")
    assert cursor.fetchone()[0] == 0, "it was refreshed"
    notices, ended_at = "".join(session.notices), now_s()
    session.close()
    return notices, began_at, ended_at


def wrong_reads(upstream, above):
    """Returns the reads that warn too early, or not at all, while a lock keeps each refresh from ending."""
    set_clock(clock, 0)
    db.run("CREATE TABLE source (id int)")
    db.run("SELECT pgtrickle.create_stream_table('kept', 'SELECT held(id) AS id FROM source', %s, 'FULL')", upstream)
    db.run("SELECT pgtrickle.create_stream_table('above', 'SELECT count(*) AS n FROM kept', %s)", above)
    db.run("SELECT pg_advisory_lock(7)")
    wrong, changed_at = [], now_s()
    db.run("INSERT INTO source VALUES (1)")
    due_s = max(due_after(upstream, changed_at), due_after(above, changed_at))
    reads = {(due_s + late_s + waited_s, timeout_s) for timeout_s in TIMEOUTS_S for late_s in (-1, 1, 3) for waited_s in (0, timeout_s)}
    for at_s, timeout_s in sorted(reads):
        notices, began_at, ended_at = warnings_at(at_s, timeout_s)
        if notices and ended_at < due_s + timeout_s or not notices and began_at > due_s + timeout_s + 2:
            wrong.append((upstream, above, timeout_s, round(began_at - due_s, 1), notices))
    db.run("SELECT pg_advisory_unlock(7)")
    db.run("DROP TABLE source CASCADE")
    return wrong


def a_late_upstream_is_reported_in_time():
    wrong = [read for pair in itertools.product(UPSTREAMS, SCHEDULES) for read in wrong_reads(*pair)]
    assert not wrong, (len(wrong), wrong)


try:
    db.run("""CREATE FUNCTION held(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
        'BEGIN PERFORM pg_advisory_lock_shared(7), pg_advisory_unlock_shared(7); RETURN $1; END'""")
    db.run(f"ALTER DATABASE {db.name} SET timezone = 'UTC'")
    run_cases([a_late_upstream_is_reported_in_time])
finally:
    server.destroy()
    clock.unlink(missing_ok=True)
