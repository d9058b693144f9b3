#!/usr/bin/python3 -B
"""Shows that after random concurrent actions every stream table equals its query.

Sessions write, read, refresh, create, alter and drop stream tables, truncate, rewrite and index their
sources, move partitions, prepare transactions and leave them open for a while; another one cancels and
terminates them, including the manager. A session may get an error after which it can retry (a deadlock, a
serialization failure, a lock timeout), or the error that an object does not exist or is in use; no session
may hang, no error may be an internal one, and no object may stay behind.

  chaos.py [--seconds N] [--sessions N] [--seed N]
"""

import argparse
import os
import random
import sys
import threading
import time
import traceback
import uuid
from pathlib import Path

import psycopg2

import final_state

sys.path.append(str(Path(__file__).resolve().parents[1]))
from server_log import ServerLog  # noqa: E402: needs the path above
from seeds import SEED  # noqa: E402

TABLES = ("a", "b", "p", "i")
READ = TABLES + ("m",)
QUERIES = (
    "SELECT id, k, v FROM {t} WHERE v % 3 <> 0",
    "SELECT k, count(*) AS n, sum(v) AS total FROM {t} GROUP BY k",
    "SELECT k, min(v) AS low, max(v) AS high, count(DISTINCT v) AS n FROM {t} GROUP BY k",
    "SELECT k, min(v) AS low, max(v) AS high FROM {t} GROUP BY k",
    "SELECT x.id AS x, y.id AS y, x.v + y.v AS total FROM {t} x JOIN {u} y ON x.k = y.k",
    "SELECT x.id AS x, y.id AS y FROM {t} x LEFT JOIN {u} y ON x.k = y.k AND x.v < y.v",
    "SELECT x.k, count(*) AS n, sum(y.v) AS total FROM {t} x FULL JOIN {u} y ON x.id = y.id GROUP BY x.k",
    "SELECT DISTINCT k, v FROM {t}",
    "SELECT k, v FROM {t} UNION ALL SELECT k, v FROM {u}",
    "SELECT count(*) AS n, sum(v) AS total, avg(v) AS mean FROM {t}",
    "SELECT * FROM {s}",
    "SELECT count(*) AS n FROM {s}",
    "SELECT x.k, s.n FROM {t} x LEFT JOIN (SELECT count(*) AS n FROM {s}) s ON true",
    "SELECT k, id, v, row_number() OVER (PARTITION BY k ORDER BY id, v) AS n, sum(v) OVER (PARTITION BY k) AS s FROM {t}",
    "SELECT id, rank() OVER (ORDER BY v, id) AS r FROM {t} WHERE v < 5",
    "SELECT id, v FROM {t} ORDER BY v DESC, id LIMIT 10 OFFSET 2",
    "SELECT DISTINCT ON (k) k, id, v FROM {t} ORDER BY k, v, id",
    "SELECT id, k FROM {t} x WHERE EXISTS (SELECT FROM {u} y WHERE y.k = x.k AND y.v > x.v)",
    "SELECT id, k FROM {t} WHERE id NOT IN (SELECT v FROM {u})",
    "SELECT id, v IN (SELECT id FROM {u}) AS found FROM {t}",
    "SELECT id, (SELECT max(v) FROM {u} y WHERE y.k = x.k) AS top, (SELECT count(*) FROM {u}) AS n FROM {t} x",
    "SELECT x.id, l.* FROM {t} x LEFT JOIN LATERAL (SELECT y.id AS other, y.v FROM {u} y WHERE y.k = x.k ORDER BY y.v, y.id LIMIT 2) l ON true",
    "SELECT k, v FROM {t} INTERSECT ALL SELECT k, v FROM {u}",
    "SELECT k, v FROM {t} EXCEPT SELECT k, v FROM {u}",
    "SELECT k, v, grouping(k), count(*) AS n, array_agg(id ORDER BY id) AS ids FROM {t} GROUP BY ROLLUP (k, v)",
    "SELECT k, percentile_disc(0.5) WITHIN GROUP (ORDER BY v) AS middle, string_agg(DISTINCT v::text, '-') AS l FROM {t} GROUP BY k",
    "WITH RECURSIVE r AS (SELECT id, v FROM {t} WHERE id < 20 UNION SELECT y.id, y.v FROM r JOIN {u} y ON y.id = r.v + 1) SELECT * FROM r",
    "WITH RECURSIVE r AS (SELECT id, 0 AS depth FROM {t} WHERE id < 9 UNION ALL SELECT y.id, depth + 1 FROM r JOIN {u} y ON y.id = r.id * 2 AND depth < 4) SELECT depth, count(*) AS n FROM r GROUP BY depth",
    "WITH c AS (SELECT k, sum(v) AS s FROM {t} GROUP BY k) SELECT x.k, y.s FROM c x JOIN c y ON x.s <= y.s",
    "SELECT id, g FROM {t}, generate_series(1, v % 4) WITH ORDINALITY AS f(g, o)",
    "SELECT tableoid AS lies_in, x.id, x AS row FROM {t} x WHERE id % 7 = 0",
)
NAMES = [f"st{i}" for i in range(8)]
TRY_AGAIN = {"40P01", "40001", "55P03"}
# Does not exist, exists already, in use, not filled, has dependents, a circle, rolled back by an error before
# it.
MET_ANOTHER = {"42P01", "42P07", "42704", "42703", "42710", "42P15", "2BP01", "55000", "55006", "23505",
               "25P02", "42P16", "0A000", "42P17", "23514",
               "42804"}  # another query has other types
KILLED = {"57P01", "57P03"}
HANG = "canceling statement due to statement timeout"


class Chaos:
    def __init__(self, seconds, seed):
        self.seed = seed
        self.database = "chaos_" + uuid.uuid4().hex[:12]
        self.admin(f"CREATE DATABASE {self.database}")
        self.ends_at = time.monotonic() + seconds
        self.faults = []
        self.counts = {}
        self.lock = threading.Lock()
        self.can_prepare = False

    def connect(self, name=None):
        session = psycopg2.connect(dbname=name or self.database)
        session.autocommit = True
        return session

    def admin(self, statement):
        session = self.connect("postgres")
        session.cursor().execute(statement)
        session.close()

    def goes_on(self):
        return time.monotonic() < self.ends_at and not self.faults

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def fault(self, what):
        with self.lock:
            self.faults.append(what)

    def set_up(self):
        session = self.connect()
        cursor = session.cursor()
        cursor.execute("CREATE EXTENSION pg_trickle")
        cursor.execute("SHOW max_prepared_transactions")
        self.can_prepare = int(cursor.fetchone()[0]) > 0
        for table, kind in (("a", ""), ("b", ""), ("p", " PARTITION BY LIST (k)"), ("i", "")):
            key = "id, k" if kind else "id"
            cursor.execute(f"CREATE TABLE {table} (id int, k int, v int, note text, PRIMARY KEY ({key})){kind}")
        cursor.execute("CREATE TABLE i2 (id int, k int, v int, note text); CREATE TABLE i3 () INHERITS (i2)")
        for k in range(5):
            cursor.execute(f"CREATE TABLE p{k} PARTITION OF p FOR VALUES IN ({k})")
        for table in TABLES:
            cursor.execute(f"INSERT INTO {table} SELECT i, i % 5, i % 7 FROM generate_series(1, 60) i")
            cursor.execute(f"CREATE INDEX ON {table} (k)")
        cursor.execute("CREATE TABLE i1 (PRIMARY KEY (id)) INHERITS (i)")
        cursor.execute("CREATE MATERIALIZED VIEW m AS SELECT id, k, v FROM a")
        cursor.execute("CREATE UNIQUE INDEX ON m (id)")
        session.close()


class Session:
    """A session that performs any of the actions."""

    def __init__(self, chaos, number):
        self.chaos = chaos
        self.number = number
        self.random = random.Random(chaos.seed * 1000 + number)
        self.kinds = ((self.write, 12), (self.read, 6), (self.refresh, 6), (self.create, 3), (self.alter, 1),
                      (self.drop, 1), (self.disturb, 2), (self.move_partition, 1))
        self.open_session()

    def open_session(self):
        self.session = self.chaos.connect()
        self.cursor = self.session.cursor()
        # A reader waits for at most its own timeout, a lock request for its own, and each is a fraction of
        # this.
        self.run("SET statement_timeout = '25s'; SET client_min_messages = warning; SET lock_timeout = '3s'; "
                 "SET pg_trickle.scan_refresh_timeout = '2s'")

    def run(self, statement):
        self.cursor.execute(statement)
        for notice in self.session.notices:
            if "inconsistent with its query" in notice or "leak" in notice:
                self.chaos.fault(f"{notice}\n{statement}")
        self.session.notices.clear()

    def table(self):
        return self.random.choice(TABLES)

    def name(self):
        return self.random.choice(NAMES)

    def query(self, other_than=None):
        others = [name for name in NAMES if name != other_than]
        return self.random.choice(QUERIES).format(t=self.random.choice(READ), u=self.random.choice(READ), s=self.random.choice(others))

    # ---- actions

    def write(self):
        r = self.random
        table, low = self.table(), r.randrange(1, 200)
        self.run(r.choice((
            f"INSERT INTO {table} SELECT i, i % 5, {r.randrange(9)} FROM generate_series({low}, {low + r.choice([1, 5, 50])}) i"
            " ON CONFLICT DO NOTHING",
            f"INSERT INTO i1 VALUES ({low}, {low % 5}, 4) ON CONFLICT DO NOTHING", f"UPDATE ONLY i SET v = v + 1 WHERE id % 11 = 3",
            f"INSERT INTO {table} VALUES ({low}, {low % 5}, 3) ON CONFLICT (id{', k' if table == 'p' else ''}) DO UPDATE SET v = 8",
            f"INSERT INTO i3 VALUES ({low + 1000}, {low % 5}, 4)", f"DELETE FROM i2 WHERE id % 13 = {r.randrange(13)}",
            f"UPDATE {table} SET v = v + 1 WHERE id % 13 = {r.randrange(13)}",
            f"UPDATE {table} SET k = {r.randrange(5)} WHERE id = {low}",
            f"UPDATE {table} SET note = 'x' WHERE id < {low}",
            f"DELETE FROM {table} WHERE id BETWEEN {low} AND {low + 10}",
            f"WITH gone AS (DELETE FROM {table} WHERE id = {low} RETURNING *) "
            f"INSERT INTO {self.table()} (id, k, v) SELECT id + 1000, k, v FROM gone ON CONFLICT DO NOTHING")))

    def read(self):
        self.run(f"SET pg_trickle.max_staleness = {self.random.choice([-1, 0, 0, 1])}")
        if self.random.random() < 0.3:
            self.run(f"SELECT count(*) FROM {self.name()} x, {self.name()} y")
        else:
            self.run(f"SELECT * FROM {self.name()}")

    def refresh(self):
        self.run(f"SELECT pgtrickle.refresh_stream_table('{self.name()}')")

    def create(self):
        name = self.name()
        mode = self.random.choice(["AUTO", "AUTO", "IMMEDIATE", "IMMEDIATE", "FULL"])
        schedule = self.random.choice(["1s", "1s", "1h", "calculated", "0s"])
        is_filled = self.random.choice(["true", "true", "false"])
        self.run(f"SELECT pgtrickle.create_stream_table('{name}', $${self.query(name)}$$, '{schedule}', '{mode}', {is_filled})")

    def alter(self):
        name = self.name()
        self.run(self.random.choice((
            f"SELECT pgtrickle.alter_stream_table('{name}', query => $${self.query(name)}$$)",
            f"SELECT pgtrickle.alter_stream_table('{name}', schedule => '2s')",
            f"SELECT pgtrickle.create_or_replace_stream_table('{name}', $${self.query(name)}$$, '1s')",
            f"ALTER FOREIGN TABLE {name} RENAME TO renamed; ALTER FOREIGN TABLE renamed RENAME TO {name}",
            f"CREATE INDEX ON {name} ((1))")))

    def drop(self):
        self.run(self.random.choice((f"DROP FOREIGN TABLE IF EXISTS {self.name()}",
                                     f"DROP FOREIGN TABLE IF EXISTS {self.name()}, {self.name()} CASCADE")))

    def disturb(self):
        table = self.table()
        statements = [
            f"TRUNCATE {table}", f"TRUNCATE {table}; INSERT INTO {table} SELECT i, i % 5, 1 FROM generate_series(1, 40) i",
            f"TRUNCATE {self.table()}, {self.table()}", "TRUNCATE i1", "REFRESH MATERIALIZED VIEW m", "REFRESH MATERIALIZED VIEW m",
            "REFRESH MATERIALIZED VIEW CONCURRENTLY m", "ALTER TABLE i1 NO INHERIT i; ALTER TABLE i1 INHERIT i",
            "ALTER TABLE i2 INHERIT i", "ALTER TABLE i2 NO INHERIT i",
            f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS extra_{self.number} int DEFAULT 1",
            f"ALTER TABLE {table} DROP COLUMN IF EXISTS extra_{self.number}",
            f"ALTER TABLE {table} ALTER note TYPE varchar(100)", f"ALTER TABLE {table} ALTER note TYPE text",
            f"ALTER TABLE {table} RENAME TO away; ALTER TABLE away RENAME TO {table}",
            f"ANALYZE {table}", f"REINDEX TABLE {self.random.choice(TABLES[:2])}",
            f"CREATE INDEX chaos_{self.number} ON {table} (v)", f"DROP INDEX IF EXISTS chaos_{self.number}"]
        if self.is_in_transaction:
            statements += [f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE", f"LOCK TABLE {self.name()} IN ACCESS SHARE MODE"]
        else:
            statements += [f"VACUUM FULL {table}", f"VACUUM {table}", "REINDEX INDEX CONCURRENTLY a_pkey",
                           f"DROP INDEX CONCURRENTLY IF EXISTS chaos_{self.number}", "REINDEX SCHEMA CONCURRENTLY pg_trickle_log"]
        with_limit = not self.is_in_transaction and self.random.random() < 0.3  # of REINDEX CONCURRENTLY something is left then
        if with_limit:
            self.run("SET lock_timeout = 20")
        self.run(self.random.choice(statements))
        if with_limit:
            self.run("RESET lock_timeout")

    def move_partition(self):
        k = self.random.randrange(5)
        self.run(self.random.choice((f"TRUNCATE p{k}", f"INSERT INTO p{k} VALUES ({self.random.randrange(300)}, {k}, 1) ON CONFLICT DO NOTHING",
                                     f"ALTER TABLE p DETACH PARTITION p{k}; ALTER TABLE p ATTACH PARTITION p{k} FOR VALUES IN ({k})")))

    # ---- in which transaction

    def step(self):
        kinds, weights = zip(*self.kinds)
        kind = self.random.choices(kinds, weights)[0]
        self.chaos.count(kind.__name__)
        kind()

    def transaction(self):
        self.is_in_transaction = self.random.random() < 0.5
        if not self.is_in_transaction:
            self.step()
            return
        level = self.random.choice(["READ COMMITTED"] * 3 + ["REPEATABLE READ", "SERIALIZABLE"])
        self.run(f"BEGIN ISOLATION LEVEL {level}")
        for _ in range(self.random.randrange(1, 5)):
            if self.random.random() < 0.3:
                self.step_in_subtransaction()
            else:
                self.step()
        if self.chaos.can_prepare and self.random.random() < 0.15:
            self.run(f"PREPARE TRANSACTION '{self.chaos.database}_{uuid.uuid4().hex}'")
        else:
            self.run(self.random.choice(["COMMIT", "COMMIT", "COMMIT", "ROLLBACK"]))

    def step_in_subtransaction(self):
        self.run("SAVEPOINT s")
        try:
            self.step()
        except psycopg2.Error as error:
            if self.session.closed or not self.is_expected(error):
                raise
            self.run("ROLLBACK TO s")
            return
        self.run(self.random.choice(["RELEASE s", "ROLLBACK TO s"]))

    def is_expected(self, error):
        if HANG in str(error):
            return False
        code = error.pgcode
        if code == "XX000" and "tuple concurrently" in str(error):
            return True
        return code in TRY_AGAIN | MET_ANOTHER or code == "57014"

    def go(self):
        try:
            while self.chaos.goes_on():
                try:
                    self.attempt()
                except psycopg2.OperationalError:
                    if not self.session.closed:
                        raise
                    self.chaos.count("killed")
                    self.open_session()
        except Exception:  # noqa: BLE001: any other error is a fault
            self.chaos.fault(f"session {self.number}: {traceback.format_exc()}")

    def attempt(self):
        try:
            self.transaction()
        except psycopg2.Error as error:
            self.chaos.count(f"error {error.pgcode}")
            if self.session.closed or error.pgcode in KILLED:
                self.session.close()
                raise psycopg2.OperationalError(str(error)) from error
            if not self.is_expected(error):
                statement = self.cursor.query.decode() if self.cursor.query else ""
                self.chaos.fault(f"{error.pgcode}: {error}\n{statement}")
            self.roll_back()

    def roll_back(self):
        """Rolls back, even if that is cancelled as well."""
        while True:
            try:
                return self.run("ROLLBACK")
            except psycopg2.errors.QueryCanceled as error:
                if HANG in str(error):
                    raise


def finish_prepared(chaos, chooser, least_age_s):
    session = chaos.connect()
    cursor = session.cursor()
    cursor.execute("SET statement_timeout = '25s'; SELECT gid FROM pg_prepared_xacts WHERE database = current_database() "
                   "AND clock_timestamp() - prepared > %s * interval '1 s'", (least_age_s,))
    for (gid,) in cursor.fetchall():
        cursor.execute(f"{chooser.choice(['COMMIT', 'ROLLBACK'])} PREPARED '{gid}'")
        chaos.count("prepared")
    session.close()


def finish_and_kill(chaos):
    """Ends prepared transactions that have been open for a while, and kills."""
    chooser = random.Random(chaos.seed)
    session = chaos.connect()
    cursor = session.cursor()
    try:
        while chaos.goes_on():
            finish_prepared(chaos, chooser, chooser.choice([0.2, 1]))
            how = chooser.choice(["cancel", "cancel", "terminate"])
            cursor.execute(f"SELECT pg_{how}_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
                           "pg_backend_pid() AND application_name <> 'psql' ORDER BY random() LIMIT 1")
            time.sleep(chooser.random() / 2)
    except Exception:  # noqa: BLE001
        chaos.fault("killer: " + traceback.format_exc())
    finish_prepared(chaos, chooser, 0)


def check(chaos, log):
    """Returns the number of stream tables in the end."""
    session = chaos.connect()
    cursor = session.cursor()
    final_state.check_leftovers(cursor, chaos.fault)
    count = final_state.check_equality(cursor, chaos.fault)
    final_state.check_history(cursor, chaos.fault)
    session.close()
    for line in log.alarms():
        chaos.fault(line)
    return count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("DURATION_S", "15")))
    parser.add_argument("--sessions", type=int, default=6)
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    log = ServerLog()
    chaos = Chaos(arguments.seconds, arguments.seed)
    chaos.set_up()
    sessions = [Session(chaos, number) for number in range(arguments.sessions)]
    for _ in NAMES:
        sessions[0].is_in_transaction = False
        try:
            sessions[0].create()
        except psycopg2.Error as error:
            if not sessions[0].is_expected(error):
                raise
    threads = [threading.Thread(target=session.go) for session in sessions]
    threads.append(threading.Thread(target=finish_and_kill, args=(chaos,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for session in sessions:
        session.session.close()
    finish_prepared(chaos, random.Random(0), 0)
    count = check(chaos, log)
    print(f"seed {chaos.seed}, {count} stream tables, " +
          ", ".join(f"{what}: {number}" for what, number in sorted(chaos.counts.items())))
    if chaos.faults:
        print(f"not ok everything_at_once (database {chaos.database})")
        print("\n".join(chaos.faults[:20]))
        return 1
    chaos.admin(f"DROP DATABASE {chaos.database} WITH (FORCE)")
    print("ok everything_at_once")
    return 0


sys.exit(main())
