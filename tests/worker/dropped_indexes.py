#!/usr/bin/python3 -B
"""Shows that DROP INDEX on a stream table blocks nothing that it would not block on a table: no transaction that has read
the stream table and refreshes it then is in a deadlock with it, and CONCURRENTLY lets readers and refreshes pass."""

import contextlib
import sys
import threading
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
INDEXES = {"adopted": "(id)", "beside the own one": "(id DESC)", "not on the key": "(v)"}
IS_WAITING = "SELECT wait_event_type FROM pg_stat_activity WHERE pid = {}"


def set_up(columns):
    db.run("DROP TABLE IF EXISTS src CASCADE; CREATE TABLE src (id int PRIMARY KEY, v int); INSERT INTO src SELECT g, g FROM generate_series(1, 100) g")
    db.run("SELECT pgtrickle.create_stream_table('st', 'SELECT id, v FROM src', '1h', 'DIFFERENTIAL')")
    db.run(f"CREATE UNIQUE INDEX dropped ON st {columns}; UPDATE src SET v = v + 1000 WHERE id = 1")


class InSession(threading.Thread):
    """A statement in a session of its own, which waits for an open transaction."""

    def __init__(self, statement):
        super().__init__()
        self.statement, self.error = statement, None
        self.session = db.connect()
        self.session.cursor().execute("SET statement_timeout = '60s'")
        self.pid = self.session.info.backend_pid
        self.start()

    def run(self):
        try:
            self.session.cursor().execute(self.statement)
        except Exception as error:  # noqa: BLE001: the case reports it
            self.error = error

    def await_lock(self):
        db.wait_for(IS_WAITING.format(self.pid), "Lock")

    def finish(self):
        self.join(60)
        assert not self.is_alive() and not self.error, self.error
        self.session.close()
        assert db.value("SELECT to_regclass('dropped') IS NULL"), "the index is there"


def check_rows(query="TABLE src"):
    db.run("SELECT pgtrickle.refresh_stream_table('st')")
    assert db.value(f"SELECT count(*) FROM ((TABLE st EXCEPT ALL {query}) UNION ALL ({query} EXCEPT ALL TABLE st)) d") == 0


@contextlib.contextmanager
def open_reader():
    """A transaction that has read the stream table."""
    reader = db.connect()
    reader.autocommit = False
    reader.cursor().execute("SET LOCAL statement_timeout = '30s'; SELECT count(*) FROM st")
    yield reader
    reader.commit()
    reader.close()


def a_transaction_refreshes_what_it_has_read():
    for columns in INDEXES.values():
        for last in "SELECT pgtrickle.refresh_stream_table('st')", "UPDATE src SET v = v + 2000 WHERE id = 2; SET LOCAL pg_trickle.max_staleness = 0; SELECT v FROM st WHERE id = 2":
            set_up(columns)
            with open_reader() as reader:
                drop = InSession("DROP INDEX dropped")
                drop.await_lock()
                reader.cursor().execute(last)
            drop.finish()
            check_rows()


def others_pass_it_concurrently():
    for columns in INDEXES.values():
        set_up(columns)
        with open_reader():
            drop = InSession("DROP INDEX CONCURRENTLY dropped")
            drop.await_lock()
            db.run("SET lock_timeout = '20s'; UPDATE src SET v = v + 3000 WHERE id = 3")
            check_rows()
            assert db.value("SELECT v FROM st WHERE id = 3") == 3003
            db.run("RESET lock_timeout")
        drop.finish()
        check_rows()


def cancel_reindex():
    with open_reader():
        reindex = InSession("REINDEX INDEX CONCURRENTLY dropped")
        reindex.await_lock()
        db.run("SELECT pg_cancel_backend(%s)", reindex.pid)
        reindex.join(60)
    assert "canceling" in str(reindex.error), reindex.error


def invalid_indexes_are_not_made_again():
    """REINDEX CONCURRENTLY that is cancelled leaves one."""
    set_up("(id)")
    cancel_reindex()
    db.run("ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, v + 1 AS v FROM src')")
    indexes = db.run("SELECT i::regclass::text, indisunique, indisvalid FROM pg_index x, LATERAL (SELECT indexrelid) i (i) WHERE indrelid = ('pg_trickle_storage.st_' || 'st'::regclass::oid)::regclass")
    assert indexes == [("dropped", True, True)], indexes
    # It can be repeated, as on a table, once what it has left is dropped.
    cancel_reindex()
    left = [name for (name,) in db.run("SELECT relname FROM pg_class WHERE relname LIKE 'dropped\\_cc%'")]
    try:
        db.run("REINDEX INDEX CONCURRENTLY dropped")
    except psycopg2.errors.DuplicateTable as error:
        assert "Drop it first" in str(error), error
    db.run(f"DROP INDEX {', '.join(left)}")
    db.run("REINDEX INDEX CONCURRENTLY dropped")
    assert not db.value("SELECT count(*) FROM pg_class WHERE relname LIKE 'dropped\\_cc%'")
    check_rows("SELECT id, v + 1 FROM src")


run_cases([a_transaction_refreshes_what_it_has_read, others_pass_it_concurrently, invalid_indexes_are_not_made_again])
