#!/usr/bin/python3 -B
"""Shows that a statement that may see nothing stale sees all of its stream tables with the same changes, or
reports that it does not.

In each case a change is committed between the refresh of one stream table and the refresh, or the reading, of
the other: a lock makes a worker wait, and the reader is stopped while it waits for the worker.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
db.run("CREATE TABLE common (id serial PRIMARY KEY); CREATE TABLE own_rows (id serial PRIMARY KEY); CREATE TABLE held (id int)")
for name, query in (("one", "SELECT id FROM common"), ("other", "SELECT id FROM common"),
                    ("mine", "SELECT id FROM common UNION ALL SELECT -id FROM own_rows"),
                    ("late", "SELECT id FROM common UNION ALL SELECT id FROM held")):
    db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w')", name, query)
db.run("SELECT pgtrickle.create_stream_table('above', 'SELECT id FROM other', 'calculated')")

Stale = psycopg2.errors.ObjectNotInPrerequisiteState


def counts_of(one, other):
    return f"SELECT (SELECT count(*) FROM {one} WHERE id > 0), (SELECT count(*) FROM {other})"


def commit_a_row():
    db.run("INSERT INTO common DEFAULT VALUES")


def is_so(condition, limit_s=30):
    """Returns True if the condition became true."""
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


class Reader:
    """A session whose statement runs in parallel."""

    def __init__(self, on_stale):
        self.session = db.connect()
        self.pid = self.session.info.backend_pid
        # A stopped reader must not be checking for deadlocks, as it would hold the locks for that.
        self.run(f"SET deadlock_timeout = '60s'; SET pg_trickle.scan_refresh_timeout = '60s'; SET pg_trickle.max_staleness = 0; "
                 f"SET pg_trickle.on_stale = {on_stale}")

    def run(self, statement):
        cursor = self.session.cursor()
        cursor.execute(statement)
        return cursor.fetchone() if cursor.description else None

    def answer(self, query):
        try:
            self.row = self.run(query)
        except psycopg2.Error as error:
            self.error = error

    def start(self, query):
        self.row = self.error = None
        self.thread = threading.Thread(target=self.answer, args=(query,))
        self.thread.start()

    def has_ended(self):
        return not self.thread.is_alive()

    @contextlib.contextmanager
    def stopped(self):
        os.kill(self.pid, signal.SIGSTOP)
        safety = threading.Timer(10, os.kill, (self.pid, signal.SIGCONT))
        safety.start()
        try:
            yield
        finally:
            safety.cancel()
            os.kill(self.pid, signal.SIGCONT)


class Holder:
    """Keeps the workers from refreshing the stream tables that read `table`."""

    def __init__(self, table):
        self.table = table
        self.session = db.connect()
        self.hold()

    def hold(self):
        """Does not hold a table that the reader, in a transaction of its own, has read exactly."""
        try:
            self.session.cursor().execute(f"BEGIN; SET LOCAL lock_timeout = '3s'; LOCK TABLE {self.table}")
        except psycopg2.errors.LockNotAvailable:
            self.let_go()

    def let_go(self):
        self.session.cursor().execute("ROLLBACK")

    def is_waited_for(self):
        return db.value("SELECT count(*) FROM pg_locks WHERE relation = %s::regclass AND NOT granted", self.table) > 0

    def keep_waiting(self, reader):
        """Returns True if a process waits for it before the reader has ended."""
        assert is_so(lambda: reader.has_ended() or self.is_waited_for()), "no process waits, and the reader does not end"
        return not reader.has_ended()


def read_beside_own(reader):
    commit_a_row()
    reader.run("BEGIN")
    reader.run("INSERT INTO own_rows DEFAULT VALUES")
    holder = Holder("held")
    reader.start(counts_of("mine", "late"))
    if holder.keep_waiting(reader):
        commit_a_row()
    holder.session.close()
    assert is_so(reader.has_ended), "it waits for ever"
    reader.run("ROLLBACK")
    return reader.error


def beside_one_that_the_reader_refreshes_himself():
    reader = Reader("error")
    # The worker's wait is limited.
    assert is_so(lambda: not isinstance(read_beside_own(reader), Stale)), reader.error
    reader.session.close()
    assert reader.error is None, reader.error
    assert reader.row[0] == reader.row[1], reader.row


def frontier(name):
    return db.value("SELECT frontier::text FROM pgtrickle.pgt_state WHERE relid = %s::regclass", name)


def refresh(name, session=db):
    session.run(f"SELECT pgtrickle.refresh_stream_table('{name}')")


def refresh_one():
    commit_a_row()
    refresh("one")


def refresh_one_and_then_what_is_above_an_older_one():
    """The manager refreshes `above`, as its upstream, which has a schedule of its own, has changed."""
    commit_a_row()
    another, before = Reader("error"), frontier("above")
    another.run("BEGIN")
    refresh("other", another)
    commit_a_row()
    refresh("one")
    another.run("COMMIT")
    another.session.close()
    assert is_so(lambda: frontier("above") != before)


def come_between(reader, holder, name, act):
    """Acts after the refresh of `name` for the reader, and before the reader reads. Returns False if the
    worker had just stopped waiting; the reader then requests again."""
    before = frontier(name)
    with reader.stopped():
        holder.let_go()
        has_come = is_so(lambda: frontier(name) != before, 3)
        if has_come:
            act()
        holder.hold()
    return has_come


def read_with_one_between(reader, query, holder, name, act):
    """The caller determines the pending changes and the lock that the reader waits for."""
    times = 0
    reader.start(query)
    while times == 0 and holder.keep_waiting(reader):
        times += come_between(reader, holder, name, act)
    holder.session.close()
    assert is_so(reader.has_ended), "it waits for ever"
    reader.session.close()
    assert times == 1 and reader.error is None, (times, reader.error)
    assert reader.row[0] == reader.row[1], reader.row


def beside_one_that_is_above_an_older_one():
    commit_a_row()
    read_with_one_between(Reader("error"), counts_of("one", "above"), Holder("common"), "above",
                          refresh_one_and_then_what_is_above_an_older_one)


def one_that_is_over_an_older_one():
    """The dependent is refreshed for its other source, but its upstream with a schedule of its own is not."""
    db.run("CREATE TABLE left_rows (id serial PRIMARY KEY); CREATE TABLE right_rows (id serial PRIMARY KEY)")
    db.run("SELECT pgtrickle.create_stream_table('below', 'SELECT id FROM left_rows', '520w')")
    db.run("SELECT pgtrickle.create_stream_table('over', 'SELECT id FROM below UNION ALL SELECT -id FROM right_rows', 'calculated')")

    def change():
        before = frontier("over")
        db.run("BEGIN; INSERT INTO left_rows DEFAULT VALUES; INSERT INTO right_rows DEFAULT VALUES; COMMIT")
        assert is_so(lambda: frontier("over") != before)

    change()
    read_with_one_between(Reader("error"), "SELECT count(*) FILTER (WHERE id > 0), count(*) FILTER (WHERE id < 0) FROM over",
                          Holder("left_rows"), "over", change)


def beside_another_where_the_schedules_want_nothing_stale():
    """The manager refreshes both as soon as it can."""
    db.run("CREATE TABLE elsewhere (id int)")
    db.run("SELECT pgtrickle.create_stream_table('first', 'SELECT id FROM common', '0s')")
    db.run("SELECT pgtrickle.create_stream_table('second', 'SELECT id FROM common UNION ALL SELECT id FROM elsewhere WHERE id > 0', '0s')")
    reader, holder = Reader("error"), Holder("elsewhere")
    reader.run("SET pg_trickle.max_staleness = -1")

    def change():
        before = frontier("first")
        holder.hold()
        commit_a_row()
        assert is_so(lambda: frontier("first") != before)

    commit_a_row()
    read_with_one_between(reader, counts_of("first", "second"), holder, "second", change)


def read_with_others_between(on_stale):
    reader, times = Reader(on_stale), 0
    reader.run("BEGIN READ ONLY")
    commit_a_row()
    holder = Holder("common")
    reader.start(counts_of("one", "other"))
    while holder.keep_waiting(reader):
        times += come_between(reader, holder, "other", refresh_one)
    holder.session.close()
    reader.session.close()
    assert times > 1, times
    return reader


def others_come_between_again_and_again_and_the_reader_may_not_write():
    for on_stale in "error", "serve":
        reader = read_with_others_between(on_stale)
        assert reader.error is None, reader.error
        assert reader.row[0] == reader.row[1], reader.row
        assert not reader.session.notices, reader.session.notices


def the_database_can_be_dropped():
    db.drop()


run_cases([beside_one_that_the_reader_refreshes_himself, beside_one_that_is_above_an_older_one,
           one_that_is_over_an_older_one, others_come_between_again_and_again_and_the_reader_may_not_write,
           beside_another_where_the_schedules_want_nothing_stale, the_database_can_be_dropped])
