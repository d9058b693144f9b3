#!/usr/bin/python3 -B
"""Random sessions that write to sources in transactions of all isolation levels, with savepoints and prepared transactions, and
run DDL that takes triggers, partitions, children, columns and the capture away from under the others. Each exact read compares
stream tables with their queries in one statement; when all sessions have paused, every kind of read and a refresh do."""

import os
import sys
import threading
import time
from pathlib import Path

import psycopg2
import psycopg2.extensions

sys.path.append(str(Path(__file__).resolve().parents[1]))
import seeds  # noqa: E402: needs the path above
from database import Database, run_cases  # noqa: E402: likewise

DURATION_S = float(os.environ.get("DURATION_S", 15))
SESSIONS, ROUND_S = 5, 4
SET_UP = """
CREATE TABLE plain (id int, k int, v int, x int); CREATE INDEX ON plain (k);
CREATE TABLE root (id int, k int, v int) PARTITION BY RANGE (k); CREATE INDEX ON root (k);
CREATE TABLE low PARTITION OF root FOR VALUES FROM (0) TO (5);
CREATE TABLE mid PARTITION OF root FOR VALUES FROM (5) TO (10) PARTITION BY RANGE (v);
CREATE TABLE mid_low PARTITION OF mid FOR VALUES FROM (minvalue) TO (4);
CREATE TABLE mid_others PARTITION OF mid DEFAULT;
CREATE TABLE loose (v int, id int, k int NOT NULL);
CREATE TABLE parent (id int, k int, v int); CREATE TABLE child () INHERITS (parent); CREATE TABLE stray (v int, z text, k int, id int);
CREATE UNLOGGED TABLE unlogged (id int, k int, v int);
"""
QUERIES = {  # by the column of look-ups
    "filtered": ("k", "SELECT id, k, v FROM public.plain WHERE v > 3"),
    "shown": ("id", "SELECT id, x::text AS x FROM public.plain"),
    "joined": ("k", "SELECT a.id, b.id AS bid, a.k, b.v FROM public.plain a JOIN public.root b ON a.k = b.k"),
    "grouped": ("k", "SELECT k, count(*) AS c, sum(v) AS s FROM public.root GROUP BY k"),
    "extreme": ("k", "SELECT k, min(v) AS least, max(v) AS most FROM public.parent GROUP BY k"),
    "distinct_ones": ("k", "SELECT DISTINCT k, v FROM public.unlogged"),
    "ranked": ("k", "SELECT id, k, v, rank() OVER (PARTITION BY k ORDER BY v, id) AS r FROM public.root"),
    "outer_joined": ("k", "SELECT a.id, a.k, c.v FROM public.plain a LEFT JOIN public.parent c ON a.k = c.k"),
    "united": ("k", "SELECT k, v FROM public.plain UNION SELECT k, v FROM public.unlogged"),
    "above": ("k", "SELECT g.k, g.c, m.most FROM public.grouped g FULL JOIN public.extreme m ON g.k = m.k"),
    "only_parent": ("k", "SELECT k, v FROM ONLY public.parent"),
    "of_mid": ("k", "SELECT k, count(*) AS c FROM public.mid GROUP BY k"),
    "by_table": ("k", "SELECT k, (tableoid = 'public.low'::regclass) AS c, count(*) AS n FROM public.root GROUP BY 1, 2"),
    "of_others": ("k", "SELECT id, k, v FROM public.mid_others"),
    "of_leaf": ("v", "SELECT v, sum(k) AS k FROM public.mid_low GROUP BY v"),
    "of_child": ("k", "SELECT k, v, count(*) AS c FROM public.child GROUP BY k, v"),
}
TABLES = ("plain", "root", "low", "mid", "mid_low", "mid_others", "loose", "parent", "child", "stray", "unlogged")
CAPTURED = ("plain", "root", "parent", "unlogged")
DDL = [
    *[f"ALTER TABLE {table} {what} TRIGGER ALL" for table in TABLES for what in ("DISABLE", "DISABLE", "ENABLE")],
    "ALTER TABLE ONLY root DISABLE TRIGGER ALL", "ALTER TABLE ONLY root ENABLE TRIGGER ALL",
    *["ALTER TABLE root ATTACH PARTITION loose FOR VALUES FROM (10) TO (15)", "ALTER TABLE root DETACH PARTITION loose"] * 5,
    *["ALTER TABLE root DETACH PARTITION loose CONCURRENTLY", "ALTER TABLE root DETACH PARTITION loose FINALIZE",
      "ALTER TABLE root DETACH PARTITION low CONCURRENTLY"] * 2,
    "ALTER TABLE root ATTACH PARTITION low FOR VALUES FROM (0) TO (5)", "ALTER TABLE mid DETACH PARTITION mid_low",
    *["ALTER TABLE mid ATTACH PARTITION mid_low FOR VALUES FROM (minvalue) TO (4)"] * 3,
    *["CREATE TABLE more PARTITION OF mid FOR VALUES FROM (4) TO (6)", "DROP TABLE IF EXISTS more"] * 3,
    *[f"TRUNCATE {table}" for table in ("plain", "low", "child", "unlogged")],
    *[f"ALTER TABLE {table} SET {what}" for table in ("unlogged", "low", "child") for what in ("LOGGED", "UNLOGGED")],
    *[f"ALTER TABLE plain ALTER x TYPE {what}" for what in ("int USING x::text::int", "bigint USING x::text::bigint", "text")],
    *[f"ALTER TABLE {table} {what}" for table in CAPTURED for what in ("ADD COLUMN IF NOT EXISTS y int DEFAULT 3", "DROP COLUMN IF EXISTS y")],
    *["ALTER TABLE stray INHERIT parent", "ALTER TABLE stray NO INHERIT parent"] * 3,
    *[f"SELECT pgtrickle.{what}_capture('{table}')" for table in CAPTURED for what in ("stop", "allow", "allow")],
    *[f"SELECT pgtrickle.repair_stream_table('{name}')" for name in ("joined", "of_others", "extreme")],
]
LEVELS = ("READ COMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
EXACTLY = "SET pg_trickle.read_mode = exact"

db = Database()
differences = []


class Failed(Exception):
    """A statement that others have prevented."""


class Session:
    def __init__(self, number, dice):
        self.number, self.dice, self.prepared, self.count = number, dice, [], 0
        self.connection = db.connect()
        self.run("SET client_min_messages = warning; SET lock_timeout = '500ms'; SET statement_timeout = '20s'; " + EXACTLY)

    def run(self, statement):
        del self.connection.notices[:]
        cursor = self.connection.cursor()
        try:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else None
        except psycopg2.Error as error:
            if (error.pgcode or "XX").startswith("XX"):
                differences.append((statement, str(error)))
            raise Failed(str(error)) from error

    def write(self):
        dice, table = self.dice, self.dice.choice(TABLES)
        k = dice.randrange(*{"low": (0, 5), "mid": (5, 10), "mid_low": (5, 10), "mid_others": (5, 10), "loose": (10, 15)}.get(table, (0, 15)))
        v = dice.randrange(0, 4) if table == "mid_low" else dice.randrange(8)
        only = "ONLY " if table == "parent" and dice.random() < 0.3 else ""
        self.run(dice.choice([
            f"INSERT INTO {table} (id, k, v) SELECT {dice.randrange(1000)} + g, {k}, {v} FROM generate_series(1, {dice.randrange(1, 4)}) g",
            f"INSERT INTO {table} (id, k, v) VALUES ({dice.randrange(1000)}, {k}, {v})",
            f"UPDATE {only}{table} SET v = {v} WHERE id % 7 = {dice.randrange(7)}",
            f"UPDATE {table} SET k = {k} WHERE id % 11 = {dice.randrange(11)} AND v = {v}",
            f"DELETE FROM {only}{table} WHERE id % 5 = {dice.randrange(5)} AND k % 3 = {k % 3}"]))

    def compare(self, names, condition=""):
        """Compares in one statement. A WARNING says that what is read is not exact."""
        parts = []
        for name in names:
            query, where = QUERIES[name][1], condition.format(QUERIES[name][0])
            parts.append(f"SELECT '{name} lacks', d::text FROM (SELECT * FROM ({query}) q{where} EXCEPT ALL SELECT * FROM {name}{where}) d")
            parts.append(f"SELECT '{name} has', d::text FROM (SELECT * FROM {name}{where} EXCEPT ALL SELECT * FROM ({query}) q{where}) d")
        rows = self.run(" UNION ALL ".join(parts))
        if rows and not self.connection.notices:
            differences.append((self.number, names, condition, rows[:5]))

    def compare_some(self):
        condition = f" WHERE {{}} = {self.dice.randrange(10)}" if self.dice.random() < 0.5 else ""
        self.compare(self.dice.sample(sorted(QUERIES), self.dice.randrange(1, 3)), condition)

    def run_transaction(self):
        self.run("BEGIN ISOLATION LEVEL " + self.dice.choice(LEVELS))
        for _ in range(self.dice.randrange(1, 6)):
            step = self.dice.choice([self.write, self.write, self.write, self.compare_some, self.run_savepoint, self.run_ddl])
            step()
        if self.dice.random() < 0.3 and len(self.prepared) < 2:
            self.count += 1
            self.run(f"PREPARE TRANSACTION '{db.name}_{self.number}_{self.count}'")
            self.prepared.append(f"{db.name}_{self.number}_{self.count}")
        else:
            self.run(self.dice.choice(["COMMIT", "COMMIT", "ROLLBACK"]))

    def run_savepoint(self):
        self.run("SAVEPOINT one")
        try:
            self.dice.choice([self.write, self.write, self.run_ddl])()
            if self.dice.random() < 0.4:
                self.run("ROLLBACK TO one")
        except Failed:
            self.run("ROLLBACK TO one")

    def run_ddl(self):
        self.run(self.dice.choice(DDL))

    def refresh(self):
        self.run(f"SELECT pgtrickle.refresh_stream_table('{self.dice.choice(sorted(QUERIES))}')")

    def finish_prepared(self):
        while self.prepared:
            self.run(f"{self.dice.choice(['COMMIT', 'COMMIT', 'ROLLBACK'])} PREPARED '{self.prepared.pop()}'")

    def work(self, until):
        steps = [self.run_transaction] * 5 + [self.compare_some, self.finish_prepared, self.write, self.run_ddl, self.refresh]
        while time.monotonic() < until and not differences:
            try:
                self.dice.choice(steps)()
            except Failed:
                pass
            finally:
                if self.connection.info.transaction_status != psycopg2.extensions.TRANSACTION_STATUS_IDLE:
                    self.run("ROLLBACK")


def compare_all(session):
    """While nothing else runs. Stopped capture and held locks are reported by a WARNING or an error."""
    for settings in EXACTLY, "RESET pg_trickle.read_mode; SET pg_trickle.max_staleness = 0", "RESET pg_trickle.max_staleness":
        for name in QUERIES:
            try:
                if "RESET pg_trickle.max" in settings:
                    session.run(f"SELECT pgtrickle.refresh_stream_table('{name}')")
                session.run(settings)
                session.compare([name])
            except Failed:
                pass


def sources_are_never_read_wrongly():
    db.run(SET_UP)
    for table in "plain", "root", "parent", "child", "unlogged":
        db.run(f"INSERT INTO {table} (id, k, v) SELECT g, g % 10, g % 8 FROM generate_series(1, 40) g")
    for name, (_, query) in QUERIES.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1h')", name, query)
    sessions = [Session(number, seeds.dice(number)) for number in range(SESSIONS)]
    end = time.monotonic() + DURATION_S
    while time.monotonic() < end and not differences:
        threads = [threading.Thread(target=session.work, args=(time.monotonic() + ROUND_S,)) for session in sessions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for session in sessions:
            session.finish_prepared()
        compare_all(sessions[0])
        for name in QUERIES:
            db.run(f"SELECT pgtrickle.resume_stream_table('{name}') FROM pgtrickle.pgt_stream_tables WHERE pgt_name = %s AND status = 'SUSPENDED'", name)
        sessions[0].run(EXACTLY)
    for session in sessions:
        session.connection.close()
    assert not differences, differences


try:
    run_cases([sources_are_never_read_wrongly])
finally:
    db.drop()
