#!/usr/bin/python3 -B
"""Shows that sessions that begin to capture sources share one installer for each owner, which gives up a lock
that it cannot get."""

import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, run_cases  # noqa: E402: needs the path above

server = Server()
TABLES = 12  # more than the server has processes for
server.call("start", "max_worker_processes=8", "pg_trickle.max_concurrent_refreshes=2")
db = Database(server.host)
db.let_own_stream_tables("install_many", "install_one")
INSTALLERS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle installer'"


def session_of(role):
    session = psycopg2.connect(host=server.host, user=role, dbname=db.name)
    session.autocommit = True
    return session


class Creator(threading.Thread):
    """A session that creates a stream table."""

    def __init__(self, role, table, settings="SET client_min_messages = error"):
        super().__init__(daemon=True)
        self.session = session_of(role)
        self.pid = self.session.info.backend_pid
        self.error = None
        self.statements = settings, f"SELECT pgtrickle.create_stream_table('st_{table}', 'SELECT id FROM {table}', '1h')"
        self.start()

    def run(self):
        try:
            for statement in self.statements:
                self.session.cursor().execute(statement)
        except psycopg2.Error as error:
            self.error = error

    def ends(self):
        self.join(60)
        assert not self.is_alive(), "a creation hangs"


class Locked:
    """Tables that sessions of their owner lock, and creations over them that wait for another session's
    locks."""

    def __init__(self, role, prefix, count, settings="SET client_min_messages = error"):
        self.tables = [f"{prefix}_{i}" for i in range(count)]
        first, self.second = session_of(role).cursor(), session_of(role).cursor()
        for table in self.tables:
            first.execute(f"CREATE TABLE {table} (id int PRIMARY KEY)")
        all_tables = ", ".join(self.tables)
        first.execute(f"BEGIN; LOCK TABLE {all_tables} IN SHARE MODE")
        self.creators = [Creator(role, table, settings) for table in self.tables]
        db.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE {self.is_creator()} AND wait_event = 'virtualxid'", count)
        self.second.execute(f"BEGIN; LOCK TABLE {all_tables} IN SHARE MODE")
        first.execute("COMMIT")

    def is_creator(self):
        return f"pid IN ({', '.join(str(creator.pid) for creator in self.creators)})"

    def those_that_wait_for(self, event):
        return {row[0] for row in db.run(f"SELECT pid FROM pg_stat_activity WHERE {self.is_creator()} AND wait_event = '{event}'")}

    def unlock(self):
        self.second.execute("COMMIT")
        for creator in self.creators:
            creator.ends()


def until(condition, limit_s=30):
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "a condition was never met"
        time.sleep(0.01)


def an_owner_has_one_installer_which_gives_up():
    locked = Locked("install_many", "many", TABLES)
    most, installing, queued = 0, set(), set()

    def all_have_waited():
        nonlocal most
        most = max(most, db.value(INSTALLERS))
        installing.update(locked.those_that_wait_for("Extension"))
        queued.update(locked.those_that_wait_for("object") | locked.those_that_wait_for("relation"))
        return len(installing | queued) == TABLES

    until(all_have_waited)
    assert most <= 2, f"{most} installers"  # one of them may be about to exit
    # Other processes create and refresh the other owners' stream tables meanwhile.
    other = session_of("install_one").cursor()
    other.execute("CREATE TABLE one (id int PRIMARY KEY)")
    creation = Creator("install_one", "one")
    creation.ends()
    assert creation.error is None, creation.error
    other.execute("INSERT INTO one VALUES (1)")
    db.run("SELECT pgtrickle.alter_stream_table('st_one', schedule => '1s')")
    db.wait_for("SELECT count(*) FROM st_one", 1)
    # An installer that cannot get its lock lets the next one proceed.
    until(lambda: (all_have_waited() or True) and len(installing) > 1)
    locked.unlock()
    assert all(creator.error is None for creator in locked.creators), [str(c.error) for c in locked.creators]
    db.wait_for(INSTALLERS, 0)


def a_wait_for_a_turn_observes_lock_timeout_and_cancel():
    locked = Locked("install_many", "patient", 2)
    cursor = session_of("install_many").cursor()
    cursor.execute("CREATE TABLE impatient (id int PRIMARY KEY); CREATE TABLE cancelled (id int PRIMARY KEY)")
    until(lambda: locked.those_that_wait_for("Extension"))
    impatient = Creator("install_many", "impatient", "SET lock_timeout = '200ms'")
    impatient.ends()
    assert impatient.error is not None and impatient.error.pgcode == "55P03", impatient.error
    cancelled = Creator("install_many", "cancelled")
    until(lambda: db.value(f"SELECT wait_event FROM pg_stat_activity WHERE pid = {cancelled.pid}") == "object")
    db.run(f"SELECT pg_cancel_backend({cancelled.pid})")
    cancelled.ends()
    assert cancelled.error is not None and cancelled.error.pgcode == "57014", cancelled.error
    locked.unlock()
    assert all(creator.error is None for creator in locked.creators), [str(c.error) for c in locked.creators]


def lock_timeout_ends_what_installers_wait_for():
    locked = Locked("install_one", "late", 1, "SET lock_timeout = '2s'")
    locked.creators[0].ends()
    assert locked.creators[0].error is not None and locked.creators[0].error.pgcode == "55P03", locked.creators[0].error
    locked.unlock()
    db.wait_for(INSTALLERS, 0)


def an_installer_goes_with_its_reader():
    locked = Locked("install_one", "gone", 1)
    until(lambda: locked.those_that_wait_for("Extension"))
    db.run(f"SELECT pg_terminate_backend({locked.creators[0].pid})")
    db.wait_for(INSTALLERS, 0)
    locked.unlock()
    again = Creator("install_one", "gone_0")
    again.ends()
    assert again.error is None, again.error


def a_reader_whose_installer_has_gone_does_its_work():
    locked = Locked("install_one", "alone", 1)
    until(lambda: db.value(INSTALLERS) == 1)
    db.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_trickle installer'")
    until(lambda: locked.those_that_wait_for("relation"))
    locked.unlock()
    assert locked.creators[0].error is None, locked.creators[0].error


def an_installer_that_waits_for_its_session_ends_without_a_fatal_message():
    log = server.folder / "server.log"
    begun_at = log.stat().st_size
    db.run("CREATE TABLE migrated (id int PRIMARY KEY, v int); INSERT INTO migrated VALUES (1, 2)")
    db.run("SELECT pgtrickle.create_stream_table('st_migrated', 'SELECT id FROM migrated', '1h')")
    db.run("BEGIN")
    db.run("DROP FOREIGN TABLE st_migrated")  # its locks exclude the installer, which captures another column
    db.run("SELECT pgtrickle.create_stream_table('st_migrated', 'SELECT id, v FROM migrated', '1h')")
    db.run("COMMIT")
    assert db.value("SELECT v FROM st_migrated") == 2
    db.wait_for(INSTALLERS, 0)
    assert b"FATAL" not in log.read_bytes()[begun_at:], log.read_bytes()[begun_at:].decode()


def a_transaction_that_has_altered_an_upstream_is_shown_this():
    """Not that a process was lacking. The upstream belongs to another role, whose refreshes the session may not block."""
    db.run("CREATE TABLE granted (id int PRIMARY KEY); SELECT pgtrickle.create_stream_table('st_granted', 'SELECT id FROM granted', '1h')")
    db.run("GRANT CREATE ON SCHEMA public TO install_one")
    for statement, query in (("GRANT SELECT ON st_granted TO install_one", "SELECT id FROM st_granted"),
                             ("ALTER FOREIGN TABLE st_granted OPTIONS (SET schedule '2h')", "SELECT id FROM st_granted"),
                             ("CREATE TABLE new (id int); ALTER TABLE new OWNER TO install_one", "SELECT id FROM st_granted JOIN new USING (id)")):
        db.run("GRANT SELECT ON st_granted TO install_one")
        db.run(f"BEGIN; {statement}; SET LOCAL ROLE install_one")
        try:
            db.run(f"SELECT pgtrickle.create_stream_table('above_granted', '{query}', '1h')")
            raise AssertionError(f"created after {statement}")
        except psycopg2.Error as error:
            assert error.pgcode == "55000" and "This transaction has" in error.diag.message_detail, (statement, str(error))
        finally:
            db.run("ROLLBACK")


try:
    run_cases([
        an_owner_has_one_installer_which_gives_up,
        a_wait_for_a_turn_observes_lock_timeout_and_cancel,
        lock_timeout_ends_what_installers_wait_for,
        an_installer_goes_with_its_reader,
        a_reader_whose_installer_has_gone_does_its_work,
        an_installer_that_waits_for_its_session_ends_without_a_fatal_message,
        a_transaction_that_has_altered_an_upstream_is_shown_this,
    ])
finally:
    server.destroy()
