#!/usr/bin/python3 -B
"""Shows that random queries are maintained correctly while several sessions write, refresh and read at once.

Each round two sessions run random transactions at every isolation level, with savepoints, rollbacks, prepared
transactions, COPY, MERGE and refreshes of their own in the middle; one refreshes manually; one reads with
max_staleness = 0, and the manager refreshes half of the stream tables as well, once a second. Checked:
- a transaction that has locked out the writers finds each stream table equal to its query, refreshed manually
  or by reading it;
- a statement over two stream tables of one query finds them equal at any time;
- when all have ended, every stream table equals its query.

DURATION_S is the time during which databases are tried, SEED the first seed. DATABASES=1 repeats one, though
not how its sessions interleave.
"""
import io
import os
import random
import sys
import threading
import time
import traceback
import uuid

import psycopg2

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.dirname(sys.path[0]))
import choices as choosing  # noqa: E402
import kinds  # noqa: E402
import play  # noqa: E402
import schema  # noqa: E402
import server  # noqa: E402
from seeds import SEED  # noqa: E402

WRITERS, ROUNDS, TRANSACTIONS = 2, 2, 25
ENDED_BY_OTHERS = {"40P01", "40001", "55P03"}
TOO_SLOW, MOST_SLOW = "57014", 10  # for each database: cross products behind a DISTINCT, mostly
play.STREAM_TABLES = 14


class WriterChanges(schema.Changes):
    """Changes whose keys no other session uses, so that inserts do not collide."""

    def __init__(self, choices, tables, first_key, number):
        super().__init__(choices, tables)
        self.key, self.number = first_key, number

    def row(self, table, key=None):
        return super().row(table, key or (self.key + 1) * WRITERS + self.number)

    def merge(self, table):
        name, kind = self.choices.pick(table.columns[1:])
        keys = ", ".join("(%s)" % self.key_literal(table, 1 + self.choices.below(self.key * WRITERS)) for _ in range(4))
        return "MERGE INTO %s m USING (SELECT DISTINCT * FROM (VALUES %s) v) v (i) ON m.id = v.i WHEN MATCHED AND i::text ~ '[369]$' " \
            "THEN DELETE WHEN MATCHED THEN UPDATE SET %s = %s WHEN NOT MATCHED THEN INSERT VALUES %s" % (
                table.name, keys, name, kinds.literal(self.choices, kind, 0), self.row(table))

    def statement(self, may_truncate):
        table = self.choices.pick(self.tables)
        if table.has_key and self.choices.chance(10):
            return self.merge(table)
        return super().statement(may_truncate)


class Session(threading.Thread):
    """Repeats `step` until `ends`; an unexpected error is a fault of the run."""

    def __init__(self, run, seed):
        super().__init__()
        self.run_of, self.random = run, random.Random(seed)
        self.connection = psycopg2.connect("dbname=%s" % run.database.name)
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.do(server.SETTINGS + "; SET statement_timeout = '30s'; SET lock_timeout = '500ms'")

    def do(self, statement):
        self.cursor.execute(statement)
        for notice in self.connection.notices:
            if "inconsistent with its query" in notice or "leak" in notice:
                self.run_of.fault("%s\n%s" % (notice, statement))
        del self.connection.notices[:]

    def stream_table(self):
        return self.random.choice(self.run_of.play.kept)

    def run(self):
        try:
            while not self.ends():
                try:
                    self.step()
                except psycopg2.Error as error:
                    self.judge(error)
                    self.do("ROLLBACK")
        except Exception:  # noqa: BLE001: any error
            self.run_of.fault("%s: %s\n%s" % (type(self).__name__, traceback.format_exc(), self.cursor.query))
        finally:
            self.connection.close()

    def judge(self, error):
        """Decides whether an error is expected: other sessions end a transaction or hold a lock, keys
        collide, and a query may fail for some values."""
        self.run_of.count(error.pgcode)
        if error.pgcode == TOO_SLOW:
            self.run_of.slow += 1
            if self.run_of.slow <= MOST_SLOW:
                return
        is_of_values = (error.pgcode or "")[:2] in ("21", "22", "23") or any(
            said in str(error) for said in ("last refresh failed", "is suspended", "holds a lock that its refresh needs"))
        if not is_of_values and error.pgcode not in ENDED_BY_OTHERS:
            raise error


class Writer(Session):
    def __init__(self, run, number, seed):
        super().__init__(run, seed)
        choices = choosing.Choices(self.random)
        self.changes = WriterChanges(choices, run.play.tables, run.play.changes.key + 1000 * run.round, number)
        self.left, self.prepared = TRANSACTIONS, []

    def ends(self):
        if self.left == 0 or self.run_of.faults:
            self.finish_prepared()
            return True
        return False

    def finish_prepared(self):
        for name in self.prepared:
            self.do("%s PREPARED '%s'" % (self.random.choice(["COMMIT", "COMMIT", "ROLLBACK"]), name))
        self.prepared = []

    def step(self):
        self.left -= 1
        statements = self.changes.transaction(self.run_of.play.may_truncate)
        if self.random.random() < 0.3:
            self.finish_prepared()
        self.do("BEGIN ISOLATION LEVEL " + self.random.choice(["READ COMMITTED"] * 4 + ["REPEATABLE READ", "SERIALIZABLE"]))
        for statement in statements[1:-1]:
            if self.random.random() < 0.06:
                self.do(self.stream_table().refresh())
            self.do(statement)
        if self.random.random() < 0.1:
            self.copy()
        if self.random.random() < 0.1:
            name = uuid.uuid4().hex
            self.do("PREPARE TRANSACTION '%s'" % name)
            self.prepared.append(name)
        else:
            self.do(statements[-1])

    def copy(self):
        table = self.random.choice(self.changes.tables)
        outputs = [name for name, _ in table.columns]
        if table.has_key:
            self.changes.key += 2
            outputs[0] = self.changes.other_key(table) % (1000000 + self.changes.key * WRITERS * 1000)
        rows = io.StringIO()
        self.cursor.copy_expert("COPY (SELECT %s FROM %s LIMIT 2) TO STDOUT" % (", ".join(outputs), table.name), rows)
        rows.seek(0)
        self.cursor.copy_expert("COPY %s FROM STDIN" % table.name, rows)


class Refresher(Session):
    def ends(self):
        return self.run_of.is_over or bool(self.run_of.faults)

    def step(self):
        self.do(self.stream_table().refresh())
        self.run_of.count("refreshes")


class Reader(Refresher):
    def step(self):
        if self.run_of.twins and self.random.random() < 0.6:
            self.compare_twins(self.random.choice(self.run_of.twins))
        else:
            self.compare_alone()

    def compare_twins(self, pair):
        self.do("SET pg_trickle.max_staleness = 0")
        kept = ["SELECT %s FROM %s" % (", ".join("%s::text" % name for name, kind in pair[0].built.columns if kind != "inexact") or "1", one.name)
                for one in pair]
        self.do("SELECT 'first', d::text FROM (%s EXCEPT ALL %s) d UNION ALL SELECT 'second', d::text FROM (%s EXCEPT ALL %s) d" % (
            kept[0], kept[1], kept[1], kept[0]))
        rows = self.cursor.fetchall()
        if rows:
            self.run_of.fault("one statement finds %s and %s of two states: %s\n%s" % (pair[0].name, pair[1].name, rows[:4], pair[0].built.sql))
        self.run_of.count("reads of two")

    def compare_alone(self):
        """Compares while the writers wait; the locks of other sessions are not needed."""
        stream_table, is_by_read = self.stream_table(), self.random.random() < 0.5
        self.do("RESET pg_trickle.max_staleness; BEGIN")
        self.do("LOCK TABLE %s IN SHARE MODE" % ", ".join(table.name for table in self.run_of.play.tables))
        if is_by_read:
            self.do("SET LOCAL pg_trickle.max_staleness = 0")
        else:
            self.do(stream_table.refresh())
        self.do(server.comparison(stream_table.name, stream_table.built))
        rows = self.cursor.fetchall()
        self.do("COMMIT")
        if rows:
            self.run_of.fault("%s, by %s among others: %s\n%s" % (stream_table.name, "read" if is_by_read else "refresh", rows, stream_table.built.sql))
        self.run_of.count("exact comparisons")


class Run:
    """A run with one random database."""

    def __init__(self, database, seed, counts):
        self.database, self.seed, self.counts, self.faults, self.lock = database, seed, counts, [], threading.Lock()
        self.is_over, self.round, self.twins, self.slow = False, 0, [], 0
        self.play = play.Play(database, seed)

    def fault(self, text):
        with self.lock:
            self.faults.append("seed %d: %s" % (self.seed, text))

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def set_up(self):
        self.play.set_up()
        self.play.kept = [one for one in self.play.kept if not any(view in one.built.sql for view in self.play.changes.materialized)]
        for number, stream_table in enumerate(list(self.play.kept)):
            if number % 2:
                self.database.run("SELECT pgtrickle.alter_stream_table('%s', schedule => '1s')" % stream_table.name)
            if number % 3 == 0 and not stream_table.built.images:
                self.create_twin(stream_table)

    def create_twin(self, stream_table):
        twin = play.StreamTable("twin_of_" + stream_table.name, stream_table.built, [], [], "DIFFERENTIAL", {})
        self.database.run(twin.create())
        self.database.run(twin.prepare())
        self.play.kept.append(twin)
        if not any(kind in kinds.AMBIGUOUS + kinds.NOT_COMPARED for _, kind in stream_table.built.columns):
            self.twins.append((stream_table, twin))

    def play_round(self):
        writers = [Writer(self, number, self.seed * 100 + self.round * 10 + number) for number in range(WRITERS)]
        others = [kind(self, self.seed * 100 + self.round * 10 + 5) for kind in (Refresher, Reader)]
        for session in writers + others:
            session.start()
        for session in writers:
            session.join()
        self.is_over = True
        for session in others:
            session.join()
        self.is_over = False
        self.round += 1
        for stream_table in self.play.kept:
            self.database.run("SELECT pgtrickle.resume_stream_table('%s')" % stream_table.name)
        self.play.check_all()

    def run(self):
        self.set_up()
        while self.play.kept and self.round < ROUNDS and not self.faults and not self.play.failures:
            self.play_round()
        for stream_table, failure, _ in self.play.failures:
            self.fault("%s when all had ended: %s\n%s" % (stream_table.name, failure, stream_table.built.sql))
        self.counts["stream tables"] = self.counts.get("stream tables", 0) + len(self.play.kept)


def main():
    ends_at = time.monotonic() + float(os.environ.get("DURATION_S", 15))
    seed, most = SEED, int(os.environ.get("DATABASES", 1 << 30))
    database, counts, faults = server.Database("concurrent_writers_%d" % os.getpid()), {}, []
    database.renew()
    print("first seed %d" % seed)
    while not faults and seed < SEED + most and time.monotonic() < ends_at:
        run = Run(database, seed, counts)
        run.run()
        faults, seed = run.faults, seed + 1
    print(", ".join("%s: %d" % (what, count) for what, count in sorted(counts.items(), key=str)))
    if not faults:
        database.drop()
    print("\n".join(faults[:5]))
    print("%s stream tables equal their queries beside writers" % ("not ok" if faults else "ok"))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
