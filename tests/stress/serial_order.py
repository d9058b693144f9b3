#!/usr/bin/python3 -B
"""Shows that transactions in SERIALIZABLE which read stream tables exactly have an order in which they, executed one after
the other, read what they have read and leave what is there.

A few short transactions are interleaved step by step, beside refreshes, over a table and a partitioned one. They read
rows and sums from the stream tables, and write to the sources what depends on what they have read. Those that PostgreSQL
ends have had no effect. In mode IMMEDIATE, which half of the runs try, half of the sessions read what is stored.

DURATION_S is the duration; SEED repeats the choices.
"""

import collections
import itertools
import os
import sys
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, goes_on  # noqa: E402: needs the path above
from seeds import SEED, dice  # noqa: E402

DURATION_S = float(os.environ.get("DURATION_S", 10))
SESSIONS, KEYS = 3, 6
SOURCES = ("plain", "parts")
db = Database()
chooser = dice()
counted = collections.Counter()
MODE = chooser.choice(["DIFFERENTIAL", "IMMEDIATE"])

SETUP = f"""
CREATE TABLE plain (k int PRIMARY KEY, v bigint);
CREATE TABLE parts (k int PRIMARY KEY, v bigint) PARTITION BY RANGE (k);
CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (3);
CREATE TABLE high PARTITION OF parts FOR VALUES FROM (3) TO (100);
SELECT pgtrickle.create_stream_table('rows_of_' || s, format('SELECT k, v FROM %I', s), '520w', '{MODE}'),
       pgtrickle.create_stream_table('sums_of_' || s, format('SELECT count(*) AS n, sum(v) AS v FROM %I', s), '520w', '{MODE}')
  FROM unnest(ARRAY['plain', 'parts']) s;
"""


def summary(count, total):
    return (count * 1000003 + total) % 1000


class Model:
    """What one transaction does to the rows, a dict of values by key; it writes what depends on its last read."""

    def __init__(self, rows):
        self.rows, self.last, self.reads = dict(rows), 0, []

    def apply(self, kind, key):
        if kind == "sum":
            self.reads.append((len(self.rows), sum(self.rows.values())))
            self.last = summary(*self.reads[-1])
        elif kind == "look_up":
            self.reads.append(self.rows.get(key))
            self.last = (self.reads[-1] or 0) % 1000
        elif kind == "update" and key in self.rows:
            self.rows[key] += self.last + 1
        elif kind == "insert":
            self.rows[key] = self.last
        elif kind == "delete":
            self.rows.pop(key, None)


class Session:
    def __init__(self):
        self.cursor = db.connect().cursor()
        self.cursor.execute("SET client_min_messages = error; SET lock_timeout = '150ms'")
        if MODE == "DIFFERENTIAL" or chooser.random() < 0.5:
            self.cursor.execute("SET pg_trickle.read_mode = exact")

    def begin(self, source, steps):
        self.source, self.steps, self.place, self.last, self.reads = source, steps, 0, 0, []
        self.is_open, self.is_committed = True, False
        self.cursor.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")

    def read(self, kind, key):
        if kind == "look_up":
            self.cursor.execute(f"SELECT v FROM rows_of_{self.source} WHERE k = {key}")
            found = self.cursor.fetchall()
            self.reads.append(found[0][0] if found else None)
            self.last = (self.reads[-1] or 0) % 1000
            return
        self.cursor.execute(chooser.choice([f"SELECT count(*), coalesce(sum(v), 0)::bigint FROM rows_of_{self.source}",
                                            f"SELECT n, coalesce(v, 0)::bigint FROM sums_of_{self.source}"]))
        self.reads.append(self.cursor.fetchone())
        self.last = summary(*self.reads[-1])

    def step(self):
        """Executes the next step, or commits behind the last one."""
        try:
            if self.place == len(self.steps):
                self.cursor.execute("COMMIT")
                self.is_open, self.is_committed = False, True
                return
            kind, key = self.steps[self.place]
            self.place += 1
            if kind in ("sum", "look_up"):
                self.read(kind, key)
            else:
                self.cursor.execute({"update": f"UPDATE {self.source} SET v = v + {self.last + 1} WHERE k = {key}",
                                     "insert": f"INSERT INTO {self.source} VALUES ({key}, {self.last})",
                                     "delete": f"DELETE FROM {self.source} WHERE k = {key}"}[kind])
        except psycopg2.Error as error:
            counted[type(error).__name__] += 1
            self.is_open = False
            self.cursor.execute("ROLLBACK")


def has_order(before, after, sessions):
    for order in itertools.permutations(sessions):
        rows = before
        for session in order:
            model = Model(rows)
            for kind, key in session.steps:
                model.apply(kind, key)
            if model.reads != session.reads:
                break
            rows = model.rows
        else:
            if rows == after:
                return True
    return False


def refresh(cursor, source):
    try:
        cursor.execute(f"SELECT pgtrickle.refresh_stream_table('{chooser.choice(['rows', 'sums'])}_of_{source}')")
    except psycopg2.Error as error:
        counted["refresh: " + type(error).__name__] += 1


def play(sessions, refresher):
    """Interleaves transactions. Returns what has no order, or None."""
    source = chooser.choice(SOURCES)
    before = {key: chooser.randrange(100) for key in range(KEYS) if chooser.random() < 0.6}
    db.run(chooser.choice([f"TRUNCATE {source}", f"DELETE FROM {source}"]))
    for key, value in before.items():
        db.run(f"INSERT INTO {source} VALUES ({key}, {value})")
    if chooser.random() < 0.6:
        db.run(f"SELECT pgtrickle.refresh_stream_table('rows_of_{source}'), pgtrickle.refresh_stream_table('sums_of_{source}')")
    for session in sessions:
        kinds = chooser.choices(["sum", "look_up", "update", "insert", "delete"], weights=[2, 1, 2, 1, 1], k=chooser.randrange(2, 5))
        session.begin(source, [(kind, chooser.randrange(KEYS)) for kind in kinds])
    turns = [session for session in sessions for _ in range(len(session.steps) + 1)]
    chooser.shuffle(turns)
    for session in turns:
        if chooser.random() < 0.1:
            refresh(refresher, source)
        if session.is_open:
            session.step()
    committed = [session for session in sessions if session.is_committed]
    counted[f"{len(committed)} committed"] += 1
    after = {row[0]: row[1] for row in db.run(f"SELECT k, v FROM {source}")}
    if has_order(before, after, committed):
        return None
    return f"{source}: {before} to {after}: " + "; ".join(f"{session.steps} read {session.reads}" for session in committed)


def is_tried():
    return counted["2 committed"] > 0


db.run(SETUP)
ends_at, wrong = time.monotonic() + DURATION_S, None
players, refresher = [Session() for _ in range(SESSIONS)], db.connect().cursor()
refresher.execute("SET client_min_messages = error; SET lock_timeout = '150ms'")
while goes_on(ends_at, is_tried()) and wrong is None:
    wrong = play(players, refresher)
print(f"seed {SEED}: {MODE} {dict(counted)}", *([wrong] if wrong else []), sep="\n")
is_right = wrong is None and is_tried()
print("ok" if is_right else "not ok", "serializable_transactions_that_read_exactly_have_an_order")
for session in players:
    session.cursor.connection.close()
refresher.connection.close()
db.drop()
sys.exit(not is_right)
