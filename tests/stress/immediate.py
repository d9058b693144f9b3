#!/usr/bin/python3 -B
"""Shows that the stored rows of stream tables in mode IMMEDIATE are the answers of their queries under every snapshot.

Sessions write to two tables at random, in all isolation levels, with savepoints and rollbacks.
Beside them, others compare, in one statement each, the stored rows with the query: nothing refreshes when they read.
No commit may fail but for what PostgreSQL itself does to such transactions. On a machine with much else to do, a commit
may leave its changes to the manager, as other commits take too long. It says so, and stored rows do not count then; nor
does a statement in READ COMMITTED, which shows what was left before it began, and compares with what is committed when
it is read. Each transaction counts itself, and a statement must show all that were committed before it began.

DURATION_S is the duration; SEED repeats the choices.
"""

import collections
import os
import sys
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from beside_writers import Run  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

DURATION_S = float(os.environ.get("DURATION_S", 15))
WRITERS, READERS, ROWS, GROUPS = 5, 2, 60, 6
LEVELS = ["READ COMMITTED"] * 3 + ["REPEATABLE READ", "SERIALIZABLE"]
EXPECTED = (psycopg2.errors.SerializationFailure, psycopg2.errors.DeadlockDetected, psycopg2.errors.UniqueViolation)
QUERIES = {
    "sums": "SELECT g, count(*) AS n, sum(v) AS s FROM a GROUP BY g",
    "total": "SELECT count(*) AS n, sum(v) AS s, max(v) AS m FROM a",
    "joined": "SELECT a.id, b.w, a.v * b.w AS x FROM a JOIN b USING (g)",
    "lefts": "SELECT b.g, b.w, count(a.id) AS n, min(a.v) AS m FROM b LEFT JOIN a USING (g) GROUP BY b.g, b.w",
    "lonely": "SELECT g, v FROM a WHERE NOT EXISTS (SELECT FROM b WHERE b.g = a.g AND b.w > 2)",
    "different": "SELECT DISTINCT g, v % 3 AS r FROM a",
    "top": "SELECT id, v FROM a ORDER BY v DESC, id LIMIT 5",
    "ranked": "SELECT id, g, row_number() OVER (PARTITION BY g ORDER BY v, id) AS r FROM a",
    "all_of": "SELECT g FROM a UNION ALL SELECT w FROM b",
    "counts": "SELECT writer, n FROM counted",
    "over": "SELECT n, count(*) AS groups FROM sums GROUP BY n",
}
LEFT_FOR_S = 5  # at most
LIMIT_S = 60
run = Run(QUERIES)
left_at, ended = [-LEFT_FOR_S], collections.Counter()  # ended transactions by writer
committed = [0] * WRITERS  # that have counted themselves


def statement(chooser):
    key, group, value = chooser.randrange(ROWS), chooser.randrange(GROUPS), chooser.randrange(20)
    return chooser.choice([
        f"INSERT INTO a VALUES ({key}, {group}, {value}) ON CONFLICT DO NOTHING",
        f"INSERT INTO a SELECT i, i % {GROUPS}, {value} FROM generate_series({key}, {key + 3}) i ON CONFLICT (id) DO UPDATE SET v = excluded.v + a.v",
        f"UPDATE a SET v = v + 1 WHERE id = {key}",
        f"UPDATE a SET g = {group} WHERE id IN ({key}, {key + 1})",
        f"DELETE FROM a WHERE id = {key}",
        "DELETE FROM a WHERE v > 30",
        f"UPDATE b SET w = w % 4 + 1 WHERE g = {group}",
        f"DELETE FROM b WHERE g = {group}",
        f"INSERT INTO b VALUES ({group}, {value % 4}) ON CONFLICT DO NOTHING",
    ])


def look_at_counts(cursor):
    before = list(committed)
    cursor.execute("SELECT writer, n FROM counts")
    shown = dict(cursor.fetchall())
    lacking = [number for number in range(WRITERS) if shown[number] < before[number]]
    run.note("counts seen", lacking and f"counts are {shown}, and were {before}")


def write(cursor, chooser, number):
    """One transaction; returns how it ended."""
    if chooser.random() < 0.3:
        cursor.execute(statement(chooser))
        return "autocommit"
    level = chooser.choice(LEVELS)
    cursor.execute("BEGIN ISOLATION LEVEL " + level)
    statements = [statement(chooser) for _ in range(chooser.randrange(1, 4))]
    for one in statements:
        if chooser.random() < 0.2:
            cursor.execute("SAVEPOINT one; " + one)
            cursor.execute(chooser.choice(["ROLLBACK TO one", "RELEASE one"]))
        else:
            cursor.execute(one)
    # Under an older snapshot, PostgreSQL shows a row with a key beside the one that has been deleted meanwhile: its own
    # joins then take one of them.
    shows_keys_once = level == "READ COMMITTED" or not any(one.startswith("INSERT") for one in statements)
    if chooser.random() < 0.3 and shows_keys_once:
        compare(cursor, chooser.choice(list(QUERIES)), f"in its own {level.lower()} transaction")
    if chooser.random() < 0.5 and level == "READ COMMITTED":
        look_at_counts(cursor)
    way = chooser.choice(["COMMIT"] * 7 + ["ROLLBACK"])
    cursor.execute(f"UPDATE counted SET n = n + 1 WHERE writer = {number}")
    cursor.execute(way)
    committed[number] += way == "COMMIT"
    return way


def is_left(begun_at):
    """Whether a writer has left something to the manager by then; it says so when its transaction has ended."""
    before, deadline = collections.Counter(ended), time.monotonic() + LIMIT_S
    while time.monotonic() < deadline and any(ended[number] == before[number] for number in range(WRITERS)):
        time.sleep(0.01)
    return left_at[0] + LEFT_FOR_S > begun_at


def compare(cursor, name, where):
    begun_at = time.monotonic()
    wrong = run.wrong_rows(cursor, name)
    if wrong and where == "beside writers" and is_left(begun_at):
        return run.note("compared with what was left")
    if wrong and "read committed" in where and left_at[0] + LEFT_FOR_S > begun_at:
        return run.note("compared while something was left")
    run.note_compared(name, wrong, where)


def writer(number):
    chooser = dice(number)
    cursor = run.db.connect().cursor()
    cursor.execute("SET client_min_messages = debug1")
    while not run.is_over():
        ended[number] += 1
        try:
            run.note(write(cursor, chooser, number))
            if any("left to the manager" in notice for notice in cursor.connection.notices):
                left_at[0] = time.monotonic()
            cursor.connection.notices.clear()
        except EXPECTED as error:
            run.note(type(error).__name__)
            cursor.execute("ROLLBACK")
        except psycopg2.Error as error:
            run.note("failed", f"{type(error).__name__}: {error}")
    ended[number] += 1
    cursor.connection.close()


def reader(number):
    chooser = dice(number)
    cursor = run.db.connect().cursor()
    cursor.execute("SET client_min_messages = error; SET pg_trickle.enabled = off")
    while not run.is_over():
        compare(cursor, chooser.choice(list(QUERIES)), "beside writers")
    cursor.connection.close()


run.set_up("CREATE TABLE a (id int PRIMARY KEY, g int, v int); CREATE TABLE b (g int PRIMARY KEY, w int); CREATE INDEX ON a (g)",
           f"CREATE TABLE counted AS SELECT writer, 0 AS n FROM generate_series(0, {WRITERS - 1}) writer",
           f"INSERT INTO b SELECT i, i % 4 FROM generate_series(0, {GROUPS - 1}) i")
run.play(DURATION_S, writer, WRITERS, reader, READERS)
run.end("stored_rows_are_those_of_every_snapshot", "compared beside writers")
