#!/usr/bin/python3 -B
"""Shows that stream tables of three owners over each other, in chains and diamonds, stay correct beside
writers and transactions that stay open.

Each owner refreshes, reads, alters, repairs and creates in transactions that end late, are rolled back or are
prepared. Checked:
- without concurrent writes, a stream table equals its query when its owner has refreshed it in a transaction,
  or when it is read with max_staleness = 0, under READ COMMITTED;
- when all have ended, every stream table equals its query.

DURATION_S is the duration; SEED repeats the choices, though not how sessions interleave.
"""

import os
import random
import sys
import threading
import time
import traceback
import uuid
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database  # noqa: E402: needs the path above

DURATION_S = float(os.environ.get("DURATION_S", 15))
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 20)))
SUFFIX = uuid.uuid4().hex[:8]
ROLES = [f"owner_{i}_{SUFFIX}" for i in range(3)]
# Owner, name, query, schedule. The tables belong to the first owner.
STREAM_TABLES = [
    (0, "s0", "SELECT a.id, a.k, b.v FROM t_a a JOIN t_b b USING (k)", "1s"),
    (1, "s1", "SELECT k, count(*) AS n, sum(v) AS v FROM s0 GROUP BY k", "1s"),
    (2, "s2", "SELECT k, n FROM s1 WHERE n > 1", "0s"),
    (0, "s3", "SELECT s0.k, s2.n FROM s0 LEFT JOIN s2 USING (k)", "calculated"),
    (1, "s4", "SELECT DISTINCT k FROM s3", "1s"),
    (2, "s5", "SELECT k FROM s1 UNION ALL SELECT k FROM s4", "0s"),
    (0, "s6", "SELECT max(k) AS k, count(*) AS n FROM s5", "0s"),
    (1, "s7", "SELECT t.k, s.n FROM t_b t LEFT JOIN s1 s USING (k)", "1s"),
]
TRANSIENT = {"40P01", "40001", "55P03", "55000", "55006", "57014"}
faults, counts, lock = [], {}, threading.Lock()
ends_at = 0.0
db = Database()


def count(what):
    with lock:
        counts[what] = counts.get(what, 0) + 1


def comparison(query, name):
    """Returns the rows that only the stream table, and only the query over the tables has."""
    over_tables = ", ".join(f"{upstream} AS ({of})" for _, upstream, of, _ in STREAM_TABLES)
    return (f"WITH {over_tables}, kept AS MATERIALIZED (TABLE public.{name}), query AS MATERIALIZED ({query}) "
            "SELECT (SELECT count(*) FROM (TABLE kept EXCEPT ALL TABLE query) x) + (SELECT count(*) FROM (TABLE query EXCEPT ALL TABLE kept) x)")


def set_up():
    for role in ROLES:
        db.run(f"CREATE ROLE {role}")
    db.run(f"GRANT USAGE ON FOREIGN SERVER pgtrickle TO {', '.join(ROLES)}; GRANT ALL ON SCHEMA public TO {', '.join(ROLES)}")
    db.run(f"SET ROLE {ROLES[0]}; CREATE TABLE t_a (id int, k int); CREATE TABLE t_b (k int, v int); "
           f"GRANT SELECT, TRIGGER ON t_a, t_b TO {', '.join(ROLES)}")
    for owner, name, query, schedule in STREAM_TABLES:
        db.run(f"SET ROLE {ROLES[owner]}")
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, %s)", name, query, schedule)
        db.run(f"GRANT SELECT ON {name} TO {', '.join(ROLES)}")
    db.run("RESET ROLE")


class Session(threading.Thread):
    def __init__(self, number, role):
        super().__init__()
        self.random = random.Random(SEED * 100 + number)
        self.connection = db.connect()
        self.cursor = self.connection.cursor()
        self.role = role
        self.do("SET client_min_messages = error; SET statement_timeout = '30s'; SET lock_timeout = '2s'; SET pg_trickle.scan_refresh_timeout = '2s'")
        if role is not None:
            self.do(f"SET ROLE {ROLES[role]}")

    def do(self, statement):
        self.cursor.execute(statement)
        return self.cursor.fetchall() if self.cursor.description else None

    def own(self):
        return self.random.choice([one for one in STREAM_TABLES if one[0] == self.role])

    def run(self):
        try:
            while time.monotonic() < ends_at and not faults:
                try:
                    self.step()
                except psycopg2.Error as error:
                    if error.pgcode not in TRANSIENT:
                        raise
                    count(error.pgcode)
                    self.do("ROLLBACK")
        except Exception:  # noqa: BLE001: any error
            with lock:
                faults.append(f"{type(self).__name__} of {self.role}: {traceback.format_exc()}\n{self.cursor.query}")
        finally:
            self.end()

    def end(self):
        self.connection.close()


class Writer(Session):
    def statement(self):
        table, other = self.random.choice([("t_a", "id"), ("t_b", "v")])
        k = self.random.randrange(12)
        return self.random.choice([
            f"INSERT INTO {table} (k, {other}) SELECT {k}, x FROM generate_series(1, {self.random.randrange(1, 4)}) x",
            f"DELETE FROM {table} WHERE ctid IN (SELECT ctid FROM {table} WHERE k = {k} LIMIT 3)",
            f"UPDATE {table} SET k = {self.random.randrange(12)} WHERE ctid IN (SELECT ctid FROM {table} WHERE k = {k} LIMIT 2)"])

    def step(self):
        self.do("BEGIN")
        for _ in range(self.random.randrange(1, 4)):
            self.do(self.statement())
        self.do(self.random.choice(["COMMIT", "COMMIT", "COMMIT", "ROLLBACK"]))
        count("writes")
        time.sleep(0.01)


class Owner(Session):
    """Runs transactions on its own stream tables, which stay open for a while."""

    def statement(self):
        _, name, query, _ = self.own()
        return self.random.choice([
            f"SELECT pgtrickle.refresh_stream_table('{name}')", f"SELECT pgtrickle.refresh_stream_table('{name}')",
            f"SELECT count(*) FROM {name}", "SELECT count(*) FROM s6, s5", f"SELECT pgtrickle.repair_stream_table('{name}')",
            "SET LOCAL pg_trickle.max_staleness = 0",
            f"SELECT pgtrickle.create_or_replace_stream_table('{name}', '{query}')",
            f"SELECT pgtrickle.alter_stream_table('{name}', refresh_mode => '{self.random.choice(['FULL', 'AUTO'])}')",
            f"DROP FOREIGN TABLE IF EXISTS other_{self.role}; "
            f"SELECT pgtrickle.create_stream_table('other_{self.role}', 'SELECT s1.k, s6.n FROM s1, s6', '1s')"])

    def step(self):
        self.do("BEGIN ISOLATION LEVEL " + self.random.choice(["READ COMMITTED", "READ COMMITTED", "REPEATABLE READ"]))
        for _ in range(self.random.randrange(1, 4)):
            self.do(self.statement())
        time.sleep(self.random.choice([0, 0.05, 0.3]))
        count("transactions")
        if self.random.random() < 0.15:
            name = uuid.uuid4().hex
            self.do(f"PREPARE TRANSACTION '{name}'")
            time.sleep(0.1)
            self.do(self.random.choice(["COMMIT", "ROLLBACK"]) + f" PREPARED '{name}'")
        else:
            self.do(self.random.choice(["COMMIT", "COMMIT", "ROLLBACK"]))


class Comparer(Session):
    """Compares while another session, which is not the one that refreshes, locks out writers."""

    def __init__(self, number, role):
        super().__init__(number, role)
        self.guard = db.connect()

    def end(self):
        super().end()
        self.guard.close()

    def step(self):
        time.sleep(self.random.random())
        guard = self.guard.cursor()
        try:
            guard.execute("SET lock_timeout = '2s'")
            guard.execute("BEGIN")
            guard.execute("LOCK TABLE t_a, t_b IN SHARE MODE")
            _, name, query, _ = self.own()
            way = self.random.choice(["refresh", "read"])
            self.do("BEGIN")
            notices = self.connection.notices
            del notices[:]
            self.do("SET LOCAL client_min_messages = notice")
            if way == "read":
                self.do("SET LOCAL pg_trickle.max_staleness = 0")
            else:
                self.do(f"SELECT pgtrickle.refresh_stream_table('{name}')")
            found = self.do(comparison(query, name))[0][0]
            self.do("COMMIT")
            # Locks held by other sessions are reported.
            is_told = any("exceeds its maximum staleness" in notice for notice in notices)
            if found != 0 and not is_told:
                with lock:
                    faults.append(f"{name} by {way}: {found} rows differ")
            count(f"comparisons by {way}" + (" with a warning" if is_told else ""))
        finally:
            guard.execute("ROLLBACK")


def quiesce():
    for owner, name, query, _ in STREAM_TABLES:
        db.run("SELECT pgtrickle.resume_stream_table(%s)", name)
    db.run("SET pg_trickle.max_staleness = 0")
    for owner, name, query, _ in STREAM_TABLES:
        db.wait_for(comparison(query, name), 0, 60)


def main():
    global ends_at
    set_up()
    ends_at = time.monotonic() + DURATION_S
    sessions = [Writer(0, 0), Writer(1, 0)] + [Owner(10 + role, role) for role in range(3)] + [Comparer(20 + role, role) for role in range(3)]
    for session in sessions:
        session.start()
    for session in sessions:
        session.join()
    if not faults:
        try:
            quiesce()
        except AssertionError as error:
            faults.append(f"when all had ended: {error}")
    print(f"seed {SEED}: " + ", ".join(f"{what}: {number}" for what, number in sorted(counts.items())))
    print("\n".join(faults[:5]))
    print("%s stream tables of several owners equal their queries" % ("not ok" if faults else "ok"))
    db.drop()
    admin = db.connect("postgres")
    for role in ROLES:
        admin.cursor().execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
