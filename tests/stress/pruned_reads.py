#!/usr/bin/python3 -B
"""Shows that a condition on the column of the partitions omits no row, whatever the snapshot, while new ranges
get partitions and rows move to them.

The manager refreshes on change. Readers of each isolation level read the same rows in ways that the planner prunes at
planning, at execution, and not at all, and count them; so does a function with the snapshot of its caller. Some of
them let time pass between the snapshot and the read. An error that asks for a retry is no answer.

DURATION_S is the duration; SEED repeats the choices, though not how sessions interleave.
"""

import collections
import os
import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, goes_on  # noqa: E402: needs the path above
from seeds import SEED, dice  # noqa: E402

DURATION_S = float(os.environ.get("DURATION_S", 10))
db = Database()
chooser = dice()
answers = collections.Counter()
wrong = []
ends_at = 0

SETUP = """
CREATE TABLE reading (id bigserial PRIMARY KEY, day date NOT NULL, n int NOT NULL);
SELECT pgtrickle.create_stream_table('by_range', 'SELECT id, day, n FROM reading', 'calculated', 'DIFFERENTIAL', partition_by => 'RANGE (id, 20)');
SELECT pgtrickle.create_stream_table('by_day', 'SELECT id, day, n FROM reading', 'calculated', 'DIFFERENTIAL', partition_by => 'day(day)');
CREATE FUNCTION rows_of(wanted bigint) RETURNS bigint STABLE LANGUAGE plpgsql AS
  'BEGIN RETURN (SELECT count(*) FROM by_range WHERE id = wanted); END';
CREATE FUNCTION pause(milliseconds int) RETURNS boolean LANGUAGE sql AS 'SELECT pg_sleep(milliseconds / 1000.0) IS NOT NULL';
"""
# Each returns two numbers of the same rows, under one snapshot.
QUERIES = [
    "SELECT (SELECT count(*) FROM by_range), (SELECT coalesce(sum((SELECT count(*) FROM by_range r WHERE r.id = k.id)), 0) FROM (SELECT id FROM by_range) k)",
    "SELECT (SELECT count(*) FROM (SELECT id FROM by_range OFFSET 0) x WHERE id > (SELECT max(id) - 50 FROM by_range)), "
    "(SELECT count(*) FROM by_range WHERE id > (SELECT max(id) - 50 FROM by_range))",
    "SELECT (SELECT count(*) FROM by_day), (SELECT coalesce(sum((SELECT count(*) FROM by_day r WHERE r.day = k.day)), 0) FROM (SELECT DISTINCT day FROM by_day) k)",
    "SELECT (SELECT count(*) FROM by_range), (SELECT coalesce(sum(rows_of(id)), 0) FROM by_range)",
    "SELECT count(*), (SELECT sum(rows_of(id)) FROM (SELECT max(id) AS id FROM by_range OFFSET 0) x WHERE pause(30)) FROM (SELECT FROM by_range LIMIT 1) one HAVING count(*) > 0",
]
LEVELS = ["READ COMMITTED", "REPEATABLE READ", "REPEATABLE READ", "SERIALIZABLE"]


def is_tried():
    return all(answers[level] > 0 for level in LEVELS)


def connected(work):
    session = db.connect()
    cursor = session.cursor()
    cursor.execute("SET client_min_messages = error; SET pg_trickle.scan_refresh_timeout = '100ms'")
    while goes_on(ends_at, is_tried()) and not wrong:
        work(cursor)
    session.close()


def write(cursor):
    cursor.execute("INSERT INTO reading (day, n) SELECT date '2026-01-01' + (last_value / 40)::int, g "
                   "FROM reading_id_seq, generate_series(1, 7) g")
    if chooser.random() < 0.1:
        cursor.execute("DELETE FROM reading WHERE id < (SELECT max(id) - 400 FROM reading)")
    time.sleep(0.02)


def read(cursor):
    level, query = chooser.choice(LEVELS), chooser.choice(QUERIES)
    try:
        cursor.execute(f"BEGIN ISOLATION LEVEL {level}")
        cursor.execute("SELECT count(*) FROM reading")  # takes the snapshot
        time.sleep(chooser.random() * 0.2)
        cursor.execute(query)
        found = cursor.fetchone()
        cursor.execute("COMMIT")
        answers[level] += 1
        if found and found[0] != found[1]:
            wrong.append(f"{level}: {query}: {found}")
    except psycopg2.errors.SerializationFailure:
        cursor.execute("ROLLBACK")
        answers[f"{level}, to be retried"] += 1


db.run(SETUP)
ends_at = time.monotonic() + DURATION_S
threads = [threading.Thread(target=connected, args=(work,)) for work in (write, read, read, read)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
created = db.value("SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass('pg_trickle_storage.st_' || 'by_range'::regclass::oid)")
print(f"seed {SEED}: {dict(answers)}, {created} partitions", *wrong, sep="\n")
is_right = not wrong and created > 5 and is_tried()
print("ok" if is_right else "not ok", "a_condition_on_the_partition_column_omits_no_row")
db.drop()
sys.exit(not is_right)
