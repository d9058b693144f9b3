#!/usr/bin/python3 -B
"""Shows that the mailbox never reports a dirty stream table as clean: a read contains all that a session
committed before it began.

Writers commit by COMMIT, by COMMIT PREPARED, after a savepoint that was rolled back, with a refresh of their
own before or after the change, or with one that was rolled back; at once another session, whose reads may not
be stale, must find the row. A second stream table reads the first one.
"""

import os
import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

SECONDS = int(os.environ.get("DURATION_S", "15")) // 5 + 1
db = Database()


class Pair:
    """A writer and the reader that checks it."""

    def __init__(self, number):
        self.number = number
        self.writer = db.connect()
        self.reader = db.connect()
        self.watcher = db.connect()
        for session in (self.reader, self.watcher):
            session.cursor().execute("SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = error;"
                                     "SET pg_trickle.scan_refresh_timeout = '60s'")
        self.is_done = False
        self.reads = 0
        self.missed = []

    def write(self, value):
        cursor = self.writer.cursor()
        insert = f"INSERT INTO source VALUES ({self.number}, {value})"
        kind = value % 6
        refresh = "SELECT pgtrickle.refresh_stream_table('newest')"
        if kind == 0:
            cursor.execute(insert)
        elif kind == 1:
            cursor.execute(f"BEGIN; {insert}; PREPARE TRANSACTION '{db.name}_{self.number}'")
            cursor.execute(f"COMMIT PREPARED '{db.name}_{self.number}'")
        elif kind == 2:
            cursor.execute(f"BEGIN; SAVEPOINT s; INSERT INTO source VALUES (-1, -1); ROLLBACK TO s; {insert}; COMMIT")
        elif kind == 3:
            cursor.execute(f"BEGIN; {insert}; {refresh}; COMMIT")
        elif kind == 4:
            cursor.execute(f"BEGIN; {refresh}; {insert}; COMMIT")
        else:
            cursor.execute(f"BEGIN; {insert}; SAVEPOINT s; {refresh}; ROLLBACK TO s; COMMIT")

    def write_all(self):
        deadline = time.monotonic() + SECONDS
        value = 0
        while time.monotonic() < deadline:
            value += 1
            self.write(value)
            self.check("the writer", value)
        self.is_done = True

    def read_all(self):
        """Reads all rows that have become visible in the source, including those whose writer has not yet
        received the reply to its COMMIT."""
        cursor = self.watcher.cursor()
        while not self.is_done and len(self.missed) < 5:
            cursor.execute(f"SELECT coalesce(max(value), 0) FROM source WHERE number = {self.number}")
            value = cursor.fetchone()[0]
            if value > 0:
                self.check("a reader", value, self.watcher)

    def check(self, who, value, session=None):
        cursor = (session or self.reader).cursor()
        for name in ("newest", "newest_of_newest"):
            cursor.execute(f"SELECT value FROM {name} WHERE number = %s", (self.number,))
            found = cursor.fetchone()
            self.reads += 1
            if found is None or found[0] < value:
                self.missed.append((who, name, value, found))


def watch(numbers):
    pairs = [Pair(number) for number in numbers]
    failures = []

    def run(work):
        try:
            work()
        except psycopg2.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for pair in pairs for work in (pair.write_all, pair.read_all)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    missed = [miss for pair in pairs for miss in pair.missed]
    for pair in pairs:
        for session in (pair.writer, pair.reader, pair.watcher):
            session.close()
    assert not failures, failures
    assert not missed, missed
    assert sum(pair.reads for pair in pairs) > 4


def nothing_committed_by_one_writer_is_missed():
    db.run("CREATE TABLE source (number int, value int)")
    db.run("CREATE INDEX ON source (number)")
    db.run("SELECT pgtrickle.create_stream_table('newest', "
           "'SELECT number, max(value) AS value FROM source GROUP BY number', '520w')")
    db.run("SELECT pgtrickle.create_stream_table('newest_of_newest', "
           "'SELECT number, max(value) AS value FROM newest GROUP BY number', '520w')")
    watch([0])


def nothing_committed_by_several_is_missed():
    watch([1, 2, 3, 4])


def a_clean_one_is_not_refreshed_by_reading():
    db.run("SET pg_trickle.max_staleness = 0")
    db.run("SELECT count(*) FROM newest_of_newest")
    # A reader is served when the refresh has committed; the worker writes the history after that.
    at_work = ("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle refresh worker' "
               "AND datname = current_database() AND state = 'active'")
    db.wait_for(at_work, 0)
    count = "SELECT count(*) FROM pgtrickle.get_refresh_history('newest_of_newest', 1000000)"
    before = db.value(count)
    for _ in range(50):
        db.run("SELECT count(*) FROM newest_of_newest")
    db.wait_for(at_work, 0)
    assert db.value(count) == before


def a_prepared_change_counts_from_its_commit():
    db.run("SET pg_trickle.max_staleness = 0")
    total = db.value("SELECT count(*) FROM newest")
    db.run(f"BEGIN; INSERT INTO source VALUES (1000, 1); PREPARE TRANSACTION '{db.name}'")
    assert db.value("SELECT count(*) FROM newest") == total
    db.run(f"COMMIT PREPARED '{db.name}'")
    assert db.value("SELECT count(*) FROM newest") == total + 1


def every_source_of_a_transaction_counts():
    """With more than 128 sources, the whole database counts as changed."""
    count = 130
    db.run("; ".join(f"CREATE TABLE many_{i} (a int)" for i in range(count)))
    query = " UNION ALL ".join(f"SELECT a FROM many_{i}" for i in range(count))
    db.run("SELECT pgtrickle.create_stream_table('wide', %s, '2h', 'FULL')", query)
    db.run(f"SELECT pgtrickle.create_stream_table('last_one', 'SELECT a FROM many_{count - 1}', '520w')")
    db.run("SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = error; SET pg_trickle.scan_refresh_timeout = '60s'")
    assert db.value("SELECT count(*) FROM last_one") == 0
    db.run("".join(f"INSERT INTO many_{i} VALUES (1);" for i in range(count)))
    assert db.value("SELECT count(*) FROM last_one") == 1


def changes_committed_beside_an_own_refresh_are_as_old_as_their_commit():
    db.run("CREATE TABLE shared_source (id int)")
    for name in ("beside", "beholder"):
        db.run(f"SELECT pgtrickle.create_stream_table('{name}', 'SELECT id FROM shared_source', '520w')")
    own = db.connect()
    own.cursor().execute("BEGIN; INSERT INTO shared_source VALUES (1); SELECT pgtrickle.refresh_stream_table('beside')")
    db.run("INSERT INTO shared_source VALUES (2)")
    committed_at = db.value("SELECT clock_timestamp()")
    # A session requests the age of the next change: that of its own transaction.
    db.run("SELECT pgtrickle.refresh_stream_table('beholder')")
    own.cursor().execute("COMMIT")
    assert db.value("SELECT clock_timestamp() - pgtrickle.get_staleness('beside') * interval '1 s' <= %s", committed_at)
    own.close()


def the_database_can_be_dropped():
    db.drop()


run_cases([nothing_committed_by_one_writer_is_missed, nothing_committed_by_several_is_missed,
           a_clean_one_is_not_refreshed_by_reading, a_prepared_change_counts_from_its_commit,
           every_source_of_a_transaction_counts, changes_committed_beside_an_own_refresh_are_as_old_as_their_commit,
           the_database_can_be_dropped])
