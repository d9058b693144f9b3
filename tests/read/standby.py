#!/usr/bin/python3 -B
"""Shows what reads on a standby return: rows as fresh as the schedule says, without a message, as long as the primary
refreshes; otherwise a warning or error that fits a standby."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import TOP, Database, Server  # noqa: E402: needs the path above
from database import run_cases  # noqa: E402

server = Server()
db = Database(server.host)
QUERY = "SELECT count(*) AS n FROM item"


class Standby:
    def __init__(self):
        self.environment = dict(os.environ, SCRATCH=os.environ["SCRATCH"] + ".standby")
        self.folder = Path(self.environment["SCRATCH"])
        self.call("share", os.environ["SCRATCH"])
        data = self.folder / "data"
        subprocess.run([shutil.which("pg_basebackup"), "-h", server.host, "-U", "postgres", "-D", data, "-c", "fast", "-R",
                        "-X", "stream"], check=True)
        if os.geteuid() == 0:
            owner = (server.folder / "data").stat()
            for path in (data, *data.rglob("*")):
                os.chown(path, owner.st_uid, owner.st_gid)
        self.call("start", f"unix_socket_directories={self.folder}/socket", "hot_standby=on")

    def call(self, *arguments):
        subprocess.run([TOP / "tests/scratch", *arguments], env=self.environment, check=True, cwd=TOP)

    def connect(self, *settings):
        session = psycopg2.connect(host=str(self.folder / "socket"), user="postgres", dbname=db.name)
        session.autocommit = True
        for setting in settings:
            session.cursor().execute("SET " + setting)
        return session


def value(session, statement):
    cursor = session.cursor()
    cursor.execute(statement)
    return cursor.fetchone()[0]


def wait_until_replayed(session):
    """Waits until the standby sees all rows of the source."""
    deadline, wanted = time.monotonic() + 30, db.value("SELECT count(*) FROM item")
    while value(session, "SELECT count(*) FROM item") != wanted:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def a_refresh_that_is_due_is_waited_for():
    """The manager is stopped before the end of an interval, and continues when the reader waits."""
    session, is_over, errors = standby.connect("pg_trickle.on_stale = error", "pg_trickle.scan_refresh_timeout = '20s'"), False, []

    def read():
        try:
            while not is_over:
                value(session, "SELECT n FROM by_schedule")
        except psycopg2.Error as error:
            errors.append(str(error))

    manager = db.manager_pid()
    db.run("SELECT pgtrickle.refresh_stream_table('by_schedule')")
    os.kill(manager, signal.SIGSTOP)
    try:
        wait_until_replayed_refresh(session)
        db.run("INSERT INTO item DEFAULT VALUES")
        watcher = standby.connect()
        wait_until_replayed(watcher)
        reader = threading.Thread(target=read)
        reader.start()
        deadline = time.monotonic() + 30
        while value(watcher, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'Extension' "
                    f"AND pid = {session.info.backend_pid}") == 0 and not errors:
            assert time.monotonic() < deadline, "nothing waits"
            time.sleep(0.02)
    finally:
        os.kill(manager, signal.SIGCONT)
        is_over = True
    reader.join(30)
    assert not errors, errors
    assert value(session, "SELECT n FROM by_schedule") == value(session, "SELECT count(*) FROM item")


def wait_until_replayed_refresh(session):
    deadline = time.monotonic() + 30
    refreshed_at = "SELECT data_timestamp FROM pgtrickle.pgt_state WHERE relid = 'by_schedule'::regclass"
    wanted = db.value(refreshed_at)
    while value(session, refreshed_at) < wanted:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def the_message_fits_a_standby():
    session = standby.connect()
    db.run("INSERT INTO item DEFAULT VALUES")
    wait_until_replayed(session)
    for settings in (("SET pg_trickle.max_staleness = 0",), ("SET pg_trickle.max_staleness = 0", "BEGIN ISOLATION LEVEL REPEATABLE READ")):
        for setting in settings:
            session.cursor().execute(setting)
        session.notices.clear()
        value(session, "SELECT n FROM by_request")
        assert len(session.notices) == 1 and "A standby cannot refresh it" in session.notices[0], session.notices
        assert "primary server" in session.notices[0] and "refresh_stream_table()" not in session.notices[0], session.notices
    session.close()
    # The primary serves what the standby could not.
    db.run("SELECT pgtrickle.refresh_stream_table('by_request')")
    session = standby.connect("pg_trickle.max_staleness = 0", "pg_trickle.on_stale = error")
    deadline = time.monotonic() + 30
    while value(session, "SELECT max(n) FROM (SELECT count(*) AS n FROM item) i") != db.value("SELECT n FROM by_request"):
        assert time.monotonic() < deadline
    session.close()


def a_refresh_that_does_not_come_is_waited_for_until_the_timeout():
    session = standby.connect("pg_trickle.on_stale = error", "pg_trickle.scan_refresh_timeout = '1s'")
    manager = db.manager_pid()
    db.run("SELECT pgtrickle.refresh_stream_table('by_schedule')")
    os.kill(manager, signal.SIGSTOP)
    try:
        db.run("INSERT INTO item DEFAULT VALUES")
        wait_until_replayed(session)
        wait_until_replayed_refresh(session)
        deadline, code = time.monotonic() + 30, None
        while code is None:
            assert time.monotonic() < deadline
            started = time.monotonic()
            try:
                value(session, "SELECT n FROM by_schedule")
            except psycopg2.Error as error:
                code = error.pgcode
        assert code == "55000" and time.monotonic() - started < 20, (code, time.monotonic() - started)
        started = time.monotonic()
        for _ in range(5):
            try:
                value(session, "SELECT n FROM by_schedule")
                raise AssertionError("it was served")
            except psycopg2.Error as error:
                assert error.pgcode == "55000", error
        assert time.monotonic() - started < 4, "each read waited"
    finally:
        os.kill(manager, signal.SIGCONT)


try:
    db.run("CREATE TABLE item (id serial)")
    db.run("SELECT pgtrickle.create_stream_table('by_schedule', %s, '2s')", QUERY)
    db.run("SELECT pgtrickle.create_stream_table('by_request', %s, '520w')", QUERY)
    db.wait_for("SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'pg_trickle manager' AND datname = current_database()", 1)
    standby = Standby()
    try:
        run_cases([a_refresh_that_is_due_is_waited_for, the_message_fits_a_standby,
                   a_refresh_that_does_not_come_is_waited_for_until_the_timeout])
    finally:
        standby.call("destroy")
finally:
    server.destroy()
