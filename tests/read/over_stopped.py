#!/usr/bin/python3 -B
"""Shows that a read by schedule reports rows that are too old because an upstream with a schedule of its own is not
refreshed: it fails, is suspended or is held, or its refresh does not end. Before the upstream exceeds its schedule, its rows are read without a word.
Under a fixed snapshot such a read is exact, or warns."""

import os
import signal
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()


def set_up(schedule):
    db.run("CREATE TABLE source (id int PRIMARY KEY, n int); INSERT INTO source VALUES (1, 1)")
    db.run(f"SELECT pgtrickle.create_stream_table('kept', 'SELECT id, 1 / n AS q FROM source', '{schedule}')")
    db.run("SELECT pgtrickle.create_stream_table('between', 'SELECT id, q FROM kept', 'calculated')")
    db.run("SELECT pgtrickle.create_stream_table('above', 'SELECT count(*) AS n, sum(q) FROM between', '1s')")


def read():
    """Returns the warnings of a read by schedule."""
    session = db.connect()
    session.cursor().execute("SELECT n FROM above")
    notices = "".join(session.notices)
    session.close()
    return notices


def warning_about(reason):
    deadline = time.monotonic() + 30
    while reason not in (found := read()):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def check_under_fixed_snapshot(reason):
    """Checks that a read by schedule is exact, or warns, where another statement has taken the snapshot."""
    session = db.connect()
    cursor = session.cursor()
    cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM source")
    cursor.execute("SELECT n FROM above")
    found = cursor.fetchone()[0], "".join(session.notices)
    session.close()
    assert found[0] == 2 or reason in found[1], found


def stopped(begin, reason, end):
    set_up("2s")
    db.run(begin)
    db.run("INSERT INTO source VALUES (2, 1)")
    try:
        warning_about(reason)
        check_under_fixed_snapshot(reason)
    finally:
        db.run(end)
    db.wait_for("SELECT n FROM above", 2)
    assert read() == "", read()
    db.run("DROP TABLE source CASCADE")


def a_retry_of_a_failed_one_is_not_awaited():
    """A refresh that fails takes 3 seconds, and the manager tries it again and again: a reader would wait for its time-out."""
    db.run("""CREATE FUNCTION slow(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
        'BEGIN IF n = 0 THEN PERFORM pg_sleep(3); END IF; RETURN 1 / n; END'""")
    db.run("CREATE TABLE source (id int PRIMARY KEY, n int); INSERT INTO source VALUES (1, 1)")
    db.run("SELECT pgtrickle.create_stream_table('kept', 'SELECT id, public.slow(n) AS q FROM public.source', '2s')")
    db.run("SELECT pgtrickle.create_stream_table('above', 'SELECT count(*) AS n, sum(q) FROM kept', '1s')")
    db.run("UPDATE source SET n = 0")
    warning_about("whose last refresh failed.")
    db.wait_for("""SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'
        AND backend_type = 'pg_trickle refresh worker'""", True)
    assert "scan_refresh_timeout" not in (found := read()), found
    db.run("DROP TABLE source CASCADE; DROP FUNCTION slow")


def over_a_gated_source():
    stopped("SELECT pgtrickle.gate_source('source')", "Its source public.source is gated.", "SELECT pgtrickle.ungate_source('source')")


def over_a_paused_one():
    stopped("SELECT pgtrickle.pause_scheduler('{kept}')", "It reads public.kept, which is paused.", "SELECT pgtrickle.resume_scheduler('{kept}')")


def over_a_frozen_one():
    stopped("SELECT pgtrickle.alter_stream_table('kept', tier => 'frozen')", "It reads public.kept, which is frozen.",
            "SELECT pgtrickle.alter_stream_table('kept', tier => 'hot')")


def over_a_suspended_one():
    stopped("SELECT pgtrickle.alter_stream_table('kept', status => 'SUSPENDED')", "It reads public.kept, which is suspended.",
            "SELECT pgtrickle.resume_stream_table('kept')")


def over_a_failing_one():
    stopped("UPDATE source SET n = 0", "It reads public.kept, whose last refresh failed.", "UPDATE source SET n = 1")


def over_one_whose_refresh_stalls():
    set_up("2s")
    db.wait_for("SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'pg_trickle refresh worker' AND state = 'active'", 0)
    workers = [pid for pid, in db.run("SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_trickle refresh worker' AND datname = current_database()")]
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    session, deadline = db.connect(), time.monotonic() + 60
    cursor = session.cursor()
    cursor.execute("SET pg_trickle.scan_refresh_timeout = '1s'")
    try:
        db.run("INSERT INTO source VALUES (2, 1)")
        cursor.execute("SELECT n FROM above")
        while cursor.fetchone()[0] != 2 and not session.notices:
            assert time.monotonic() < deadline, "rows that lack a change are read without a word"
            time.sleep(0.1)
            cursor.execute("SELECT n FROM above")
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        session.close()
    db.wait_for("SELECT n FROM above", 2)
    db.run("DROP TABLE source CASCADE")


def not_before_the_upstream_exceeds_its_schedule():
    set_up("520w")
    db.run("SELECT pgtrickle.pause_scheduler('{kept}')")
    db.run("INSERT INTO source VALUES (2, 1)")
    changed_at = db.value("SELECT clock_timestamp()")
    db.wait_for(f"SELECT clock_timestamp() > '{changed_at}'::timestamptz + '1.5 s'", True)  # above is older than its own schedule then
    assert read() == "", read()
    db.run("SELECT pgtrickle.resume_scheduler('{kept}'); DROP TABLE source CASCADE")


try:
    db.alter_system("SET pg_trickle.max_consecutive_errors = 1000")  # one that fails is not suspended meanwhile
    run_cases([a_retry_of_a_failed_one_is_not_awaited, over_a_gated_source, over_a_paused_one, over_a_frozen_one, over_a_suspended_one,
               over_a_failing_one, over_one_whose_refresh_stalls, not_before_the_upstream_exceeds_its_schedule])
finally:
    db.alter_system("RESET pg_trickle.max_consecutive_errors")
    db.drop()
