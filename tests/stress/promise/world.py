"""The sources, the stream tables over them, and the state that all sessions share."""

import collections
import random
import threading
import time
import uuid

import psycopg2

from .ledger import Ledger, Promises, Unions

WRITERS = 3
SOURCES = ("ticks", "marks", "accounts", "vault")
ACCOUNTS, BALANCE = 20, 100
TOTAL = 2 * ACCOUNTS * BALANCE

# Each shows a clock for each writer. Queries of one stream table have the same answer, and the columns after
# `writer` are equal.
LATEST = ("SELECT writer, max(n) AS n FROM ticks GROUP BY writer",
          "SELECT DISTINCT ON (writer) writer, n FROM ticks ORDER BY writer, n DESC",
          "SELECT writer, n FROM ticks t WHERE NOT EXISTS (SELECT FROM ticks o WHERE o.writer = t.writer AND o.n > t.n)",
          "SELECT writer, n FROM (SELECT writer, n, row_number() OVER (PARTITION BY writer ORDER BY n DESC) AS r FROM ticks) x "
          "WHERE r = 1")
CLOCKS = {
    "t_max": LATEST,
    "m_rows": ("SELECT writer, n FROM marks", "SELECT writer, max(n) AS n FROM marks GROUP BY writer",
               "SELECT writer, n FROM marks WHERE n >= 0"),
    "paired": (f"SELECT m.writer, m.n, t.n AS tick FROM marks m JOIN ({LATEST[0]}) t USING (writer)",
             "SELECT m.writer, m.n, (SELECT max(t.n) FROM ticks t WHERE t.writer = m.writer) AS tick FROM marks m",
             "SELECT m.writer, m.n, t.n AS tick FROM marks m LEFT JOIN ticks t ON t.writer = m.writer AND t.n = m.n"),
    "up": ("SELECT writer, n FROM t_max", "SELECT writer, max(n) AS n FROM t_max GROUP BY writer"),
    "c1": LATEST,
    "c2": ("SELECT writer, n FROM c1", "SELECT writer, max(n) AS n FROM c1 GROUP BY writer"),
    "mixed": ("SELECT m.writer, m.n, c.n AS tick FROM marks m JOIN c1 c USING (writer)",
              "SELECT c.writer, c.n, m.n AS tick FROM c1 c LEFT JOIN marks m USING (writer)"),
    "d_left": ("SELECT writer, n FROM marks", "SELECT writer, n FROM marks WHERE writer >= 0"),
    "d_right": ("SELECT writer, max(n) AS n FROM marks GROUP BY writer", "SELECT writer, min(n) AS n FROM marks GROUP BY writer"),
    "d_join": ("SELECT l.writer, l.n, r.n AS other FROM d_left l JOIN d_right r USING (writer)",
               "SELECT l.writer, l.n, r.n AS other FROM d_left l FULL JOIN d_right r USING (writer)"),
}
BANK = {
    "branch_sums": ("SELECT branch, sum(balance) AS total FROM accounts GROUP BY branch",),
    "vault_sums": ("SELECT branch, sum(balance) AS total FROM vault GROUP BY branch",),
    "bank_total": ("SELECT sum(b) AS total FROM (SELECT balance AS b FROM accounts UNION ALL SELECT balance FROM vault) x",
                   "SELECT sum(a) + sum(v) AS total FROM (SELECT balance AS a, 0 AS v FROM accounts "
                   "UNION ALL SELECT 0, balance FROM vault) x"),
}
QUERIES = {**CLOCKS, **BANK}
COLUMNS = {name: [column for column in ("n", "tick", "other") if f" AS {column} " in queries[0] or column == "n"]
           for name, queries in CLOCKS.items()}
FIRST_SCHEDULE = {"up": "calculated", "c1": "calculated"}
# Reads the present state of a source, and the stored state of a stream table.
OVER_ANOTHER = {"mixed"}
# In seconds; the cron expression fires each second.
SCHEDULES = {"0s": 0, "1s": 1, "2s": 2, "* * * * * *": 1, "calculated": None}
UNIONS = {"diamond": ("d_left", "d_right", "d_join"), "bank": ("branch_sums", "vault_sums")}
PASSING = [f"x{i}" for i in range(4)]  # created and dropped
# Their schedules promise how old the state is that they show of their upstreams, and not how old that is; to
# others they promise the same.
OVER_SCHEDULED = {"up", *PASSING}


class World:
    def __init__(self, seconds, seed):
        self.seed = seed
        self.database = "promises_" + uuid.uuid4().hex[:12]
        self.ledger = Ledger(WRITERS)
        self.promises = Promises()
        self.unions = Unions(UNIONS)
        self.faults = []
        self.counts = collections.Counter()
        self.history = collections.deque(maxlen=20000)  # (begun, ended, session, statement, result)
        self.lock = threading.Lock()
        self.is_crashing = False  # processes are killed: any connection may end
        self.admin(f"CREATE DATABASE {self.database}")
        self.ends_at = time.time() + seconds

    def connect(self, name=None):
        deadline = time.time() + 60
        while True:
            try:
                session = psycopg2.connect(dbname=name or self.database)
                session.autocommit = True
                return session
            except psycopg2.OperationalError:
                if time.time() > deadline:
                    raise
                time.sleep(0.1)

    def admin(self, statement):
        session = self.connect("postgres")
        session.cursor().execute(statement)
        session.close()

    def chooser(self, number):
        return random.Random(self.seed * 1000 + number)

    def goes_on(self):
        return time.time() < self.ends_at and not self.faults

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def fault(self, what):
        with self.lock:
            self.faults.append((time.time(), what))

    def set_up(self):
        session = self.connect()
        cursor = session.cursor()
        cursor.execute("CREATE EXTENSION pg_trickle; SET client_min_messages = warning")
        cursor.execute("CREATE TABLE ticks (writer int, n bigint, note text, PRIMARY KEY (writer, n))")
        cursor.execute("CREATE TABLE marks (writer int PRIMARY KEY, n bigint NOT NULL, note text)")
        for table in ("accounts", "vault"):
            cursor.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, branch int, balance bigint, note text)")
            cursor.execute(f"INSERT INTO {table} SELECT i, i % 4, {BALANCE} FROM generate_series(1, {ACCOUNTS}) i")
        for table in ("ticks", "marks"):
            cursor.execute(f"INSERT INTO {table} SELECT i, 0 FROM generate_series(0, {WRITERS - 1}) i")
        chooser = self.chooser(0)
        for name, queries in QUERIES.items():
            schedule = FIRST_SCHEDULE.get(name) or chooser.choice(["0s", "1s", "1s", "2s", "* * * * * *"])
            mode = chooser.choice(["AUTO", "AUTO", "DIFFERENTIAL", "FULL", "IMMEDIATE", "IMMEDIATE"])
            cursor.execute("SELECT pgtrickle.create_stream_table(%s, %s, %s, %s)",
                           (name, chooser.choice(queries), schedule, mode))
            self.promises.tell(name, SCHEDULES[schedule])
        cursor.execute("SELECT pgtrickle.create_refresh_group('bank', %s)", (list(UNIONS["bank"]),))
        session.close()
