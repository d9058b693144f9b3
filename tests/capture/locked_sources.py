#!/usr/bin/python3 -B
"""Shows that a role without privileges, which keeps a lock of writers on a source, prevents no refresh while the capture
of the source has to begin again: refreshes are full ones meanwhile, and no change is lost when it begins."""

import itertools
import os
import sys
import threading
import time
import uuid
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
import seeds  # noqa: E402

db = Database()
STRANGER = f"stranger_{uuid.uuid4().hex[:8]}"
db.run(f"CREATE ROLE {STRANGER} LOGIN")
QUERIES = {"listed": "SELECT id, v FROM public.a", "summed": "SELECT v % 3 AS g, sum(v) AS s FROM public.a GROUP BY 1",
           "joined": "SELECT a.id, w FROM public.a JOIN public.b USING (id)"}
COUNT_UNCAPTURED = "SELECT count(*) FROM pgtrickle.pgt_dependency WHERE NOT is_captured"
CAPTURE_CHECK = "SELECT severity, detail FROM pgtrickle.health_check() WHERE check_name = 'capture'"
ACTIONS = "SELECT array_agg(DISTINCT action) FROM (SELECT DISTINCT ON (pgt_id) action FROM pgtrickle.pgt_refresh_history ORDER BY pgt_id, refresh_id DESC) h"


def set_up(schedule, queries=QUERIES):
    db.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO public")
    db.run("CREATE TABLE a (id int PRIMARY KEY, v int); CREATE TABLE b (id int, w int)")
    db.run("INSERT INTO a SELECT g, g FROM generate_series(1, 9) g; INSERT INTO b SELECT g, g FROM generate_series(1, 9) g")
    for name, query in queries.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, %s)", name, query, schedule)


class Locked:
    """Within it, a session of the role holds a lock on the source, whose capture has to begin again."""

    def __init__(self, way):
        self.way, self.session = way, db.connect(user=STRANGER).cursor()

    def lock(self):
        self.session.execute("BEGIN; PREPARE d AS DELETE FROM a")

    def __enter__(self):
        if self.way == "stopped":
            db.run("SELECT pgtrickle.stop_capture('a')")
            self.lock()
            db.run("SELECT pgtrickle.allow_capture('a')")
        else:
            db.run("BEGIN; ALTER TABLE a DISABLE TRIGGER ALL; INSERT INTO a VALUES (100, 100)")
            thread = threading.Thread(target=self.lock)
            thread.start()
            db.wait_for(f"SELECT wait_event_type FROM pg_stat_activity WHERE pid = {self.session.connection.info.backend_pid}", "Lock")
            db.run("COMMIT")
            thread.join()

    def __exit__(self, *_):
        self.session.execute("ROLLBACK")
        self.session.connection.close()


def differing(session):
    """Returns the stream tables whose rows, as the session reads them, are not those of their queries."""
    found = []
    for name, query in QUERIES.items():
        session.execute(f"SELECT count(*) FROM ((TABLE {name} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE {name})) d")
        if session.fetchone()[0] > 0:
            found.append(name)
    return found


def session_with(*statements):
    session = db.connect().cursor()
    for statement in ("SET client_min_messages = error", *statements):
        session.execute(statement)
    return session


def refresh_all(session):
    for name in QUERIES:
        session.execute(f"SELECT pgtrickle.refresh_stream_table('{name}')")


def refresh_until_captured(session):
    deadline = time.monotonic() + 30
    while refresh_all(session) or db.value(COUNT_UNCAPTURED) > 0:
        assert time.monotonic() < deadline, "capture does not begin"


def require_equal(when):
    for settings in "SET pg_trickle.max_staleness = '520w'", "SET pg_trickle.read_mode = exact":
        assert not (found := differing(session_with(settings))), (when, settings, found)


def refreshes_by_hand_are_full_ones_meanwhile():
    for way, level in itertools.product(("stopped", "disabled"), ("READ COMMITTED", "REPEATABLE READ")):
        set_up("520w")
        session = session_with("SET statement_timeout = '20s'")
        with Locked(way):
            for statement in "INSERT INTO a VALUES (101, 3)", "DELETE FROM a WHERE id < 3", "UPDATE a SET v = v + 1":
                db.run(statement)
                refresh_all(session)
                session.execute(f"BEGIN ISOLATION LEVEL {level}")
                refresh_all(session)
                session.execute("COMMIT")
                require_equal((way, level, statement))
            db.run("UPDATE a SET v = v + 2 WHERE id = 101")
        refresh_until_captured(session)
        require_equal((way, level, "unlocked"))
        db.run("UPDATE a SET v = v + 1 WHERE id = 5")
        refresh_all(session)
        assert db.value(ACTIONS) == ["DIFFERENTIAL"], db.value(ACTIONS)
        require_equal((way, level, "captured"))


def the_manager_follows_the_source_meanwhile():
    set_up("calculated")
    reader = session_with("SET pg_trickle.max_staleness = '520w'")

    def change():
        db.run("UPDATE a SET v = v + 1")
        deadline = time.monotonic() + 30
        while found := differing(reader):
            assert time.monotonic() < deadline, found
            time.sleep(0.1)

    with Locked("stopped"):
        change()
        change()  # this time there is nothing that would make the manager look at the source
        assert db.value(COUNT_UNCAPTURED) > 0
        assert db.run(CAPTURE_CHECK) == [("WARN", "capture has not begun, refreshes are full ones until a refresh can begin it: public.a")]
    db.wait_for(COUNT_UNCAPTURED, 0)
    change()
    assert db.value(CAPTURE_CHECK) == "OK"
    assert db.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE status <> 'COMPLETED'") == 0


def the_manager_needs_no_invalidation():
    """A refresh announces that it has ended before its invalidations are sent; here, they are never sent."""
    set_up("calculated")
    for schedule in "510w", "511w":  # invalidations of the set-up are read
        db.run(f"SELECT pgtrickle.alter_stream_table('summed', schedule => '{schedule}')")
        time.sleep(1)
    db.run("UPDATE pgtrickle.pgt_dependency SET is_captured = false WHERE relid = 'listed'::regclass")
    db.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND backend_type LIKE 'pg_trickle%' AND backend_type <> 'pg_trickle manager'")
    db.run("SELECT pgtrickle.alter_stream_table('summed', schedule => '520w')")
    db.wait_for(COUNT_UNCAPTURED, 0)


WAIT_UNTIL_AWAITED = """DO $$ BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'virtualxid' AND NOT granted) LOOP END LOOP;
END $$; """


def a_writer_that_refreshes_is_no_deadlock():
    """The worker that waits for the writer to end looks for deadlocks sooner than the writer's session does."""
    set_up("1s", {"listed": QUERIES["listed"]})
    for number in range(3):
        db.run("SELECT pgtrickle.stop_capture('a')")
        db.wait_for(COUNT_UNCAPTURED, 1)
        writer = session_with("SET statement_timeout = '20s'", "BEGIN", f"INSERT INTO a VALUES ({number + 100}, 1)")
        db.run("SELECT pgtrickle.allow_capture('a')")
        writer.execute(WAIT_UNTIL_AWAITED + "SELECT pgtrickle.refresh_stream_table('listed')")
        writer.execute("COMMIT")
        db.wait_for(COUNT_UNCAPTURED, 0)
    assert not (failed := db.run("SELECT error_message FROM pgtrickle.pgt_refresh_history WHERE status = 'FAILED'")), failed


def no_change_is_lost_beside_writers():
    dice = seeds.dice()
    set_up("1s")
    writers_end = time.monotonic() + min(float(os.environ.get("DURATION_S", 15)), 120)

    def write(number):
        writer = session_with()
        for i in itertools.count():
            if time.monotonic() > writers_end:
                break
            writer.execute("BEGIN")
            writer.execute(f"INSERT INTO a VALUES ({number * 1_000_000 + i + 1000}, {i})")
            writer.execute(f"UPDATE a SET v = v + 1 WHERE id = {number + 3}")
            time.sleep(0.02)
            writer.execute("COMMIT")

    writers = [threading.Thread(target=write, args=(number,)) for number in (1, 2)]
    for writer in writers:
        writer.start()
    refresher = session_with("SET statement_timeout = '30s'")
    while time.monotonic() < writers_end:
        with Locked("stopped"):
            refresh_all(refresher)
            time.sleep(dice.random())
        refresh_all(refresher)
        time.sleep(dice.random())
    for writer in writers:
        writer.join()
    refresh_all(refresher)
    require_equal("at the end")
    refresh_until_captured(refresher)
    require_equal("captured")


try:
    run_cases([refreshes_by_hand_are_full_ones_meanwhile, the_manager_follows_the_source_meanwhile,
               the_manager_needs_no_invalidation, a_writer_that_refreshes_is_no_deadlock,
               no_change_is_lost_beside_writers])
finally:
    db.run(f"DROP ROLE {STRANGER}")
    db.drop()
