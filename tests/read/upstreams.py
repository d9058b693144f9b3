#!/usr/bin/python3 -B
"""Shows that a read that may not be stale is served by a refresh of all its upstreams, not by just any
refresh."""

import sys
import threading
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
# A refresh waits for locks for half of that.
db.admin(f"ALTER DATABASE {db.name} SET deadlock_timeout = '60s'")
# Reads of this session must not cause the refreshes that are tested.
db.run("SET pg_trickle.enabled = off")


def create(name, query, schedule):
    db.run("SELECT pgtrickle.create_stream_table(%s, %s, %s)", name, query, schedule)


class Reader(threading.Thread):
    """A reader of one stream table that accepts no stale rows; its answer is the rows, or the error's
    SQLSTATE."""

    def __init__(self, name):
        super().__init__()
        self.name_read, self.answer = name, None
        self.cursor = db.connect().cursor()
        self.cursor.execute("SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = error; SET pg_trickle.scan_refresh_timeout = '60s'")
        self.pid = self.cursor.connection.get_backend_pid()
        self.start()

    def run(self):
        try:
            self.cursor.execute(f"SELECT * FROM {self.name_read}")
            self.answer = self.cursor.fetchall()
        except psycopg2.Error as error:
            self.answer = f"{error.pgcode} {error}"

    def has_asked(self):
        db.wait_for(f"SELECT wait_event = 'Extension' FROM pg_stat_activity WHERE pid = {self.pid}", True)

    def await_answer(self):
        self.join(60)
        self.cursor.connection.close()
        return self.answer


def a_refresh_that_becomes_due_meanwhile_is_no_answer():
    """`reading` reads `kept`, which has its own schedule of an hour, as it is. A reader of `reading` needs
    both refreshed, and so the diamond that `kept` belongs to, and `busy` below that, which is being
    refreshed: the reader has to wait, and `reading` becomes due meanwhile."""
    db.run("CREATE TABLE below (id int); CREATE TABLE beside (id int); CREATE TABLE elsewhere (id int)")
    create("kept", "SELECT count(*) AS n FROM below", "520w")
    create("reading", "SELECT n, (SELECT count(*) FROM beside) AS of_beside FROM kept", "calculated")
    create("busy", "SELECT count(*) AS n FROM elsewhere", "2h")
    create("mate", "SELECT n, (SELECT count(*) FROM below) AS of_below FROM busy", "520w")
    create("apex", "SELECT k.n, m.of_below FROM kept k CROSS JOIN mate m", "520w")
    db.run("INSERT INTO beside VALUES (1)")
    db.wait_for("SELECT of_beside FROM reading", 1)
    db.run("INSERT INTO below VALUES (1); INSERT INTO elsewhere VALUES (1)")
    blocker = db.connect()
    blocker.autocommit = False
    blocker.cursor().execute("LOCK TABLE elsewhere IN ACCESS EXCLUSIVE MODE")
    other = Reader("busy")
    db.wait_for("SELECT count(*) > 0 FROM pg_locks WHERE relation = 'elsewhere'::regclass AND NOT granted", True)
    reader = Reader("reading")
    reader.has_asked()
    for count in range(2, 5):
        db.run("INSERT INTO beside VALUES (1)")
        db.wait_for("SELECT of_beside FROM reading", count)
    blocker.rollback()
    assert reader.await_answer() == [(1, 4)], reader.answer
    assert other.await_answer() == [(1,)], other.answer


def a_session_that_waits_for_a_readers_refresh_is_not_the_victim():
    """A refresh for a reader holds `first` and waits for `second`; a session that holds `third` waits for
    `first`. When the refresh requests `third`, that is a deadlock, and the refresh must give way, although
    the session has waited longer."""
    db.run("CREATE TABLE first (id int); CREATE TABLE second (id int); CREATE TABLE third (id int)")
    create("all_three", "SELECT (SELECT count(*) FROM first) AS a, (SELECT count(*) FROM second) AS b, (SELECT count(*) FROM third) AS c", "520w")
    db.run("INSERT INTO third VALUES (1)")
    holder, other = db.connect(), db.connect()
    for session in holder, other:
        session.autocommit = False
    holder.cursor().execute("LOCK TABLE second IN ACCESS EXCLUSIVE MODE")
    other.cursor().execute("SET LOCAL deadlock_timeout = '2s'; LOCK TABLE third IN ACCESS EXCLUSIVE MODE")
    reader = Reader("all_three")
    waiting = "SELECT count(*) > 0 FROM pg_locks WHERE relation = '%s'::regclass AND NOT granted"
    db.wait_for(waiting % "second", True)
    failures = []

    def lock_first():
        try:
            other.cursor().execute("LOCK TABLE first IN ACCESS EXCLUSIVE MODE")
        except psycopg2.Error as error:
            failures.append(error)

    locking = threading.Thread(target=lock_first)
    locking.start()
    db.wait_for(waiting % "first", True)
    holder.rollback()
    locking.join(60)
    other.rollback()
    assert not failures, failures
    assert reader.await_answer() == [(0, 0, 1)], reader.answer



def count_of(name, session, level, settings=""):
    """Returns n under a snapshot that sees all that was committed before the call."""
    cursor = session.cursor()
    cursor.execute(f"BEGIN ISOLATION LEVEL {level} READ ONLY; SELECT count(*) FROM seen; {settings}")
    cursor.execute(f"SELECT n FROM {name}")
    (n,), = cursor.fetchall()
    cursor.execute("COMMIT")
    return n


def an_exact_read_is_not_followed_by_an_older_answer():
    """The schedule of `lazy` promises nothing about the changes that `unhurried` lacks, but the session has seen
    them."""
    db.run("CREATE TABLE seen (n int); CREATE TABLE ticked (n int)")
    create("unhurried", "SELECT count(*) AS n FROM seen", "520w")
    create("lazy", "SELECT n FROM unhurried", "1s")
    # When the manager has refreshed the last one, it has read the schedules of all.
    create("ticking", "SELECT count(*) AS n FROM ticked", "1s")
    db.run("INSERT INTO ticked VALUES (1)")
    db.wait_for("SELECT n FROM ticking", 1)
    session, other = db.connect(), db.connect()
    for level in ("REPEATABLE READ", "READ COMMITTED"):
        db.run("SELECT pgtrickle.refresh_stream_table('lazy')")
        before = db.value("SELECT count(*) FROM seen")
        db.run("INSERT INTO seen VALUES (1)")
        assert count_of("lazy", session, "REPEATABLE READ", "SET LOCAL pg_trickle.max_staleness = 0") == before + 1
        assert count_of("lazy", other, level) == before
        assert count_of("lazy", session, level) == before + 1, level
    session.close()
    other.close()


run_cases([an_exact_read_is_not_followed_by_an_older_answer, a_refresh_that_becomes_due_meanwhile_is_no_answer, a_session_that_waits_for_a_readers_refresh_is_not_the_victim, db.drop])
