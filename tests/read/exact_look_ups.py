#!/usr/bin/python3 -B
"""Shows that a session which looks up fresh rows, one after the other, misses no change of others or of its own.

What the session knows of pending changes is brought forward from one snapshot to the next, also to an older one. One
session reads; between its statements another one writes single rows and refreshes, so that most keys are not touched.

  exact_look_ups.py    STEPS is their number, SEED selects the random actions
"""

import os
import random
import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import SEED  # noqa: E402

STEPS = int(os.environ.get("STEPS", 10000))
KEYS = 150
# each with the columns that are looked up
QUERIES = {
    "plain": ("SELECT id, k, v FROM a WHERE v % 7 <> 0", "id k"),
    "grouped": ("SELECT k, count(*) AS n, sum(v) AS total, max(v) AS high FROM a GROUP BY k", "k"),
    "distinct_pairs": ("SELECT DISTINCT k, v % 3 AS rest FROM a", "k"),
    "joined": ("SELECT a.id, b.id AS other, a.v + b.v AS total FROM a JOIN b ON b.id = a.k", "id other"),
    "left_joined": ("SELECT a.id, a.k, b.v FROM a LEFT JOIN b ON b.id = a.v", "id k"),
    "paired": ("SELECT x.id, y.id AS next, y.v FROM a x JOIN a y ON y.id = x.k", "id next"),
    "twice": ("SELECT x.id, y.v, z.k FROM a x LEFT JOIN a y ON y.id = x.v LEFT JOIN b z ON z.id = y.k", "id"),
    "of_groups": ("SELECT b.id, b.v, g.n FROM b JOIN (SELECT k, count(*) AS n FROM a GROUP BY k) g ON g.k = b.id", "id"),
    "numbered": ("SELECT k, id, row_number() OVER (PARTITION BY k ORDER BY v, id) AS n FROM a", "k id"),
}
LOOK_UPS = ["SELECT t::text FROM {} t WHERE {} = {}", "SELECT {1}::text FROM {0} t WHERE {1} = {2}",
            "SELECT t::text FROM {0} t JOIN {0} u USING ({1}) WHERE {1} = {2}", "SELECT t::text FROM {} t WHERE {} IN ({}, {}, NULL)",
            "SELECT t::text FROM {} t WHERE {} = ANY ('{{{},{}}}')"]
OTHER_QUERY = "SELECT id, v AS k, k AS v FROM a WHERE v % 5 <> 0"

db = Database()


class Walk:
    def __init__(self, seed, setting):
        db.run("SELECT pgtrickle.alter_stream_table('plain', query => %s)", QUERIES["plain"][0])
        self.random = random.Random(seed)
        self.setting, self.reader = setting, None
        self.writer, self.exporter = (db.connect().cursor() for _ in range(2))
        self.queries = {name: query for name, (query, _) in QUERIES.items()}
        self.old = None
        self.done, self.count = [], 0
        self.recent = [1]  # keys and values
        self.names = list(QUERIES)  # stream tables to look up in
        self.forget()

    def do(self, cursor, statement):
        self.done = [*self.done[-60:], statement]
        cursor.execute(statement)

    def forget(self):
        """Another session knows of no change. In time, a session knows that all keys have been touched."""
        if self.reader is not None:
            self.reader.connection.close()
        self.reader = db.connect().cursor()
        self.do(self.reader, f"SET {self.setting}; SET plan_cache_mode = force_custom_plan")

    def key(self):
        key = self.random.choice(self.recent) if self.random.random() < 0.4 else self.random.randrange(1, KEYS + 10)
        self.recent = [*self.recent[-12:], key]
        return key

    def change(self):
        table = self.random.choice(["a", "a", "a", "b"])
        one, other, third = self.key(), self.key(), self.key()
        return self.random.choice([
            f"UPDATE {table} SET v = {other} WHERE id = {one}", f"UPDATE a SET k = {other} WHERE id = {one}",
            f"INSERT INTO {table} VALUES ({one}, {other}, {third}) ON CONFLICT DO NOTHING", f"DELETE FROM {table} WHERE id = {one}",
            f"UPDATE {table} SET id = {other} WHERE id = {one} AND NOT EXISTS (SELECT FROM {table} WHERE id = {other})"])

    def look_up(self):
        name = self.random.choice(self.names)
        column = self.random.choice(QUERIES[name][1].split())
        look_up, keys = self.random.choice(LOOK_UPS), (self.key(), self.key())
        one, other = (look_up.format(each, column, *keys) for each in (name, f"({self.queries[name]})"))
        self.do(self.reader, f"SELECT ARRAY({one} ORDER BY 1), ARRAY({other} ORDER BY 1)")
        found, expected = self.reader.fetchone()
        assert found == expected, f"seed {SEED}: {found} instead of {expected}\n" + ";\n".join(self.done)
        self.count += 1

    def look_ups(self):
        for _ in range(self.random.randrange(1, 6)):
            self.look_up()

    def write(self):
        self.do(self.writer, self.change())

    def write_slowly(self):
        """Look-ups go on while the transaction is open, or prepared."""
        end = self.random.choice(["COMMIT", "ROLLBACK", f"PREPARE TRANSACTION '{db.name}'"])
        self.do(self.writer, "BEGIN")
        self.write()
        self.look_ups()
        self.do(self.writer, "SAVEPOINT s")
        self.write()
        self.do(self.writer, self.random.choice(["ROLLBACK TO s", "RELEASE s"]))
        self.look_ups()
        self.do(self.writer, end)
        self.look_ups()
        if end.startswith("PREPARE"):
            self.do(self.writer, self.random.choice(["COMMIT", "ROLLBACK"]) + f" PREPARED '{db.name}'")
            self.look_ups()

    def refresh(self):
        self.do(self.writer, f"SELECT pgtrickle.refresh_stream_table('{self.random.choice(list(QUERIES))}')")

    def look_up_own(self):
        """Also what has been written in a subtransaction that is rolled back; in few stream tables, so that what is known of
        one before a change is looked at again after it."""
        self.names = self.random.sample(list(QUERIES), 1)
        self.do(self.reader, "BEGIN ISOLATION LEVEL " + self.random.choice(["READ COMMITTED", "REPEATABLE READ"]))
        self.look_ups()
        self.do(self.reader, self.change())
        self.look_ups()
        self.do(self.reader, "SAVEPOINT s")
        self.do(self.reader, self.change())
        self.look_ups()
        self.do(self.reader, "ROLLBACK TO s")
        self.look_ups()
        self.do(self.reader, self.random.choice(["COMMIT", "ROLLBACK"]))
        self.names = list(QUERIES)

    def look_up_old(self):
        if self.old is None or self.random.random() < 0.3:
            self.do(self.exporter, "ROLLBACK; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_export_snapshot()")
            [self.old] = self.exporter.fetchone()
        self.do(self.reader, f"BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '{self.old}'")
        self.look_ups()
        self.do(self.reader, "COMMIT")

    def alter(self):
        """What the session knows is of another query, table or storage."""
        is_other = self.random.random() < 0.5
        self.queries["plain"] = OTHER_QUERY if is_other else QUERIES["plain"][0]
        self.do(self.writer, self.random.choice([
            "ALTER TABLE a ADD IF NOT EXISTS more int DEFAULT 1", "ALTER TABLE a DROP IF EXISTS more", "BEGIN; TRUNCATE b; INSERT INTO b SELECT i, i, i FROM generate_series(1, 99) i; COMMIT",
            "VACUUM FULL a", "ALTER TABLE a ALTER unread TYPE bigint", "ALTER TABLE a ALTER unread TYPE int", "SELECT pgtrickle.repair_stream_table('grouped')"]))
        self.do(self.writer, f"SELECT pgtrickle.alter_stream_table('plain', query => '{self.queries['plain']}')")

    def step(self):
        steps, weights = zip((self.write, 30), (self.write_slowly, 3), (self.refresh, 10), (self.look_ups, 50), (self.look_up_own, 4), (self.look_up_old, 8), (self.alter, 0.5), (self.forget, 1))
        [step] = self.random.choices(steps, weights)
        try:
            step()
        except psycopg2.errors.SerializationFailure:  # a table was replaced after the snapshot was taken
            self.do(self.reader, "ROLLBACK")
            self.names = list(QUERIES)


def set_up():
    for name in "ab":
        db.run(f"CREATE TABLE {name} (id int PRIMARY KEY, k int, v int, unread int)")
        db.run(f"INSERT INTO {name} SELECT i, i % 40, i % 11 FROM generate_series(1, {KEYS}) i; CREATE INDEX ON {name} (k)")
    for name, (query, columns) in QUERIES.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1h')", name, query)
        db.run(f"CREATE INDEX ON {name} ({columns.split()[0]})")


def look_up_all(setting, steps):
    walk = Walk(SEED, setting)
    for _ in range(steps):
        walk.step()
    assert walk.count > steps, walk.count


def each_exact_look_up_equals_its_query():
    look_up_all("pg_trickle.read_mode = exact", STEPS)


def so_does_each_one_that_waits_for_a_refresh_if_it_has_to():
    look_up_all("pg_trickle.max_staleness = 0", STEPS // 5)


set_up()
run_cases([each_exact_look_up_equals_its_query, so_does_each_one_that_waits_for_a_refresh_if_it_has_to])
