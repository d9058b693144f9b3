#!/usr/bin/python3 -B
"""Alters the queries of stream tables all the time, beside writers, readers, refreshes, holds, index DDL and
cancellations. No reader fails or sees a stream table go back in time, and in the end each is the answer of its query."""

import os
import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
import seeds  # noqa: E402: needs the path above
from database import Database, run_cases  # noqa: E402: likewise

DURATION_S = float(os.environ.get("DURATION_S", 15))
QUERIES = {
    "st": ["SELECT id, n, {0} AS version FROM counted",
           "SELECT c.id, c.n, {0} AS version FROM counted c JOIN names USING (id)",
           "SELECT id, max(n) AS n, {0} AS version FROM counted GROUP BY id"],
    "over": ["SELECT id, n, {0} AS version FROM st", "SELECT id, sum(n)::int AS n, {0} AS version FROM upstream GROUP BY id"],
}
# What a session that was cancelled, or chosen by a deadlock, or whose index was dropped gets.
EXPECTED = ("57014", "40P01", "42704", "55P03")

db = Database()
dice = seeds.dice()
end = time.monotonic() + DURATION_S
present = {}
failures = []
altering = []


def create():
    db.run("CREATE TABLE counted (id int PRIMARY KEY, n int); CREATE TABLE names (id int PRIMARY KEY)")
    db.run("INSERT INTO counted SELECT i, 0 FROM generate_series(1, 500) i; INSERT INTO names SELECT id FROM counted")
    db.run("SELECT pgtrickle.create_stream_table('upstream', 'SELECT id, n FROM counted', '1s')")
    for name, queries in QUERIES.items():
        present[name] = queries[0].format(0)
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1s')", name, present[name])


def repeat(act, may_fail=False):
    """Calls act(cursor) until the end, in a session of its own."""
    def loop():
        session = db.connect()
        cursor = session.cursor()
        cursor.execute("SET client_min_messages = error; SET statement_timeout = '60s'")
        while time.monotonic() < end and not failures:
            try:
                act(cursor)
            except psycopg2.Error as error:
                if not may_fail or error.pgcode not in EXPECTED:
                    failures.append(f"{act.__name__}: {error.pgcode} {error}")
        session.close()
    return threading.Thread(target=loop)


def write(cursor):
    cursor.execute("UPDATE counted SET n = n + 1 WHERE id = %s", (dice.randint(1, 500),))


class Reader:
    """Reads one row, whose n only grows, whatever the query is."""

    def __init__(self, number):
        self.id, self.seen = number, 0

    def read(self, cursor):
        cursor.execute("SELECT n FROM st WHERE id = %s", (self.id,))
        found = cursor.fetchone()[0]
        if found < self.seen:
            failures.append(f"row {self.id} went back from {self.seen} to {found}")
        self.seen = found


def altering_of(name):
    def alter(cursor):
        altering.append(cursor.connection.get_backend_pid())
        text = dice.choice(QUERIES[name]).format(dice.randint(1, 1000))
        mode = dice.choice(["AUTO", "AUTO", "FULL"])
        cursor.execute("SELECT pgtrickle.alter_stream_table(%s, query => %s, refresh_mode => %s)", (name, text, mode))
        present[name] = text
    return alter


def alter_schedule(cursor):
    cursor.execute("SELECT pgtrickle.alter_stream_table('st', schedule => %s)", (dice.choice(["1s", "2s"]),))


def refresh(cursor):
    cursor.execute("SELECT pgtrickle.refresh_stream_table(%s)", (dice.choice(["st", "over"]),))
    time.sleep(0.05)


def hold(cursor):
    held = dice.choice(["", "ARRAY['st']", "ARRAY['over', 'upstream']"])
    cursor.execute(f"SELECT pgtrickle.pause_scheduler({held})")
    time.sleep(dice.random() * 0.3)
    cursor.execute(f"SELECT pgtrickle.resume_scheduler({held})")
    time.sleep(0.1)


def index(cursor):
    cursor.execute("CREATE INDEX by_n ON st (n)")
    cursor.execute("DROP INDEX by_n")
    time.sleep(0.2)


def cancel(cursor):
    time.sleep(dice.random() * 0.5)
    if altering:
        cursor.execute("SELECT pg_cancel_backend(%s)", (altering[-1],))


def difference(name):
    query, columns = present[name], "id, n, version"
    return db.value(f"SELECT count(*) FROM ((SELECT {columns} FROM {name} EXCEPT ALL ({query})) "
                    f"UNION ALL (({query}) EXCEPT ALL SELECT {columns} FROM {name})) d")


def queries_are_altered_all_the_time():
    create()
    acts = [repeat(write), repeat(write), repeat(refresh, True), repeat(index, True), repeat(cancel), repeat(hold),
            repeat(altering_of("st"), True), repeat(altering_of("over"), True), repeat(alter_schedule, True)]
    acts += [repeat(Reader(number).read) for number in (7, 77)]
    for act in acts:
        act.start()
    for act in acts:
        act.join()
    assert not failures, "\n".join(failures)
    for name in QUERIES:
        # An ALTER that was cancelled after its commit counts.
        shown = db.value("SELECT original_query FROM pgtrickle.pgt_stream_tables WHERE pgt_name = %s", name)
        present[name] = shown
        db.run("SELECT pgtrickle.refresh_stream_table(%s)", name)
        assert difference(name) == 0, f"{name}: {shown}"
    left = db.value("SELECT count(*) FROM pg_class WHERE relnamespace = 'pg_trickle_storage'::regnamespace "
                    "AND relname ~ '^next_|_user_'")
    assert left == 0, f"{left} relations of successors"
    db.drop()


run_cases([queries_are_altered_all_the_time])
