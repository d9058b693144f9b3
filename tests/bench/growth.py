#!/usr/bin/python3 -B
"""10,000 stream tables over 1,000 sources: creations, a cycle of the manager, the start of a server, a drop of
half of them; and a query of twelve left joins of one table.

Ten stream tables read each source, and no table is read by all: where one is, most stream tables are
connected, and are refreshed together. BENCH_SHRINK divides the number.
"""

import os
import subprocess
import time
from pathlib import Path

from measure import Database, connect, cpu_s, median, ms, row
from processes import Usage, trickle_pids, wait_until

TABLES = 10_000 // int(os.environ.get("BENCH_SHRINK", 1))
EACH = 10
SCRATCH = Path(__file__).resolve().parent.parent / "scratch"

QUERIES = [
    "SELECT grp, count(*) AS n, sum(amount) AS amount FROM {s} GROUP BY grp",
    "SELECT id, grp, amount FROM {s} WHERE amount > 0",
    "SELECT count(*) AS n, sum(amount) AS amount, max(id) AS last FROM {s}",
    "SELECT a.id, b.amount FROM {s} a LEFT JOIN {s} b ON b.id = a.grp",
    "SELECT DISTINCT grp FROM {s}",
]


def start_server():
    """Restarts the server, with room for the locks of a drop of thousands of relations."""
    subprocess.run([SCRATCH, "start", "shared_buffers=2GB", "max_wal_size=8GB", "max_locks_per_transaction=2048"], check=True)


def make_source(cursor, name):
    cursor.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, grp int, amount numeric)")
    cursor.execute(f"INSERT INTO {name} SELECT g, g % 10, g % 7 FROM generate_series(1, 100) g")


def all_pids(cursor):
    return [pid for pids in trickle_pids(cursor, cursor.connection.info.dbname).values() for pid in pids]


def wait_until_idle(cursor):
    def is_idle():
        usage = Usage(all_pids(cursor))
        time.sleep(1)
        return usage.end().percent < 5
    wait_until(is_idle, limit_s=300)


class Creations:
    """Creates stream tables, and measures each creation: the time that it takes, and the CPU time of the
    session."""

    def __init__(self, cursor):
        self.cursor = cursor
        self.pid = cursor.connection.info.backend_pid
        self.ms, self.cpu_ms = [], []

    def create(self, name, query):
        before = cpu_s([self.pid])
        self.ms.append(ms(self.cursor, "SELECT pgtrickle.create_stream_table(%s, %s, '1h')", (name, query)))
        self.cpu_ms.append((cpu_s([self.pid]) - before) * 1e3)


def creation(cursor):
    creations = Creations(cursor)
    for number in range(TABLES // EACH):
        make_source(cursor, f"source_{number}")
    cursor.execute("VACUUM ANALYZE")
    cursor.execute("CREATE SCHEMA half; CREATE SCHEMA others")
    for number in range(TABLES):
        query = QUERIES[number % EACH % len(QUERIES)].format(s=f"source_{number // EACH}")
        creations.create(f"{'half' if number % 2 else 'others'}.kept_{number}", query)
    # Ten numbers around the tenth, and the last hundred: as many of each query.
    first, last = slice(5, 5 + EACH), slice(-100, None)
    row(f"create_stream_table number {TABLES:,} / number 10",
        f"{median(creations.ms[last]):.1f} / {median(creations.ms[first]):.1f} ms = "
        f"{median(creations.ms[last]) / median(creations.ms[first]):.2f}; CPU time of the session "
        f"{median(creations.cpu_ms[last]):.1f} / {median(creations.cpu_ms[first]):.1f} ms", "≤ 1.5")
    wait_until_idle(cursor)
    usage, count = Usage(all_pids(cursor)), 100
    more = Creations(cursor)
    for number in range(count):
        more.create(f"more_{number}", QUERIES[0].format(s=f"source_{number % (TABLES // EACH)}"))
    usage.end()
    row(f"CPU time of manager and workers for each of {count} creations after them",
        f"{usage.cpu_s / count * 1e3:.1f} ms", "-")


def cycle(cursor):
    """Measures the wake-ups that commits cause, to a source whose stream tables are due in an hour."""
    wait_until_idle(cursor)
    cursor.execute("UPDATE source_1 SET amount = amount + 1 WHERE id = 1")
    wait_until_idle(cursor)
    usage = Usage(trickle_pids(cursor, cursor.connection.info.dbname)["manager"])
    for number in range(200):
        cursor.execute(f"UPDATE source_1 SET amount = amount + 1 WHERE id = {number % 100 + 1}")
        time.sleep(0.02)
    usage.end()
    each = f"{usage.cpu_s / usage.wake_ups * 1e6:.0f} µs each" if usage.wake_ups else "none"
    row(f"200 commits to a source of 10 that are due in an hour, of {TABLES:,}: the manager's wake-ups",
        f"{usage.wake_ups} wake-ups, {each}", "≤ 100 µs")


def start(database):
    subprocess.run([SCRATCH, "stop"], check=True)
    started = time.perf_counter()
    start_server()
    server_s = time.perf_counter() - started
    database.admin, database.connection = connect(), connect(database.name)
    cursor = database.connection.cursor()
    cursor.execute("SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = error; SET pg_trickle.scan_refresh_timeout = '2min'")
    cursor.execute("UPDATE source_3 SET amount = amount + 1 WHERE id = 5")
    cursor.execute(f"SELECT count(*) FROM {'half' if (EACH * 3 + 1) % 2 else 'others'}.kept_{EACH * 3 + 1}")
    read_s = time.perf_counter() - started
    wait_until_idle(cursor)
    row(f"start of a server with {TABLES:,} stream tables: connections, a fresh read, all checked for changes",
        f"{server_s:.1f} s, {read_s:.1f} s, {time.perf_counter() - started:.0f} s", "≤ 5 s")
    return cursor


def relations(cursor):
    cursor.execute("SELECT count(*) FROM pg_class")
    return cursor.fetchone()[0]


def drop(cursor):
    """Drops half of the stream tables, and as many relations that are plain tables with an index, their TOAST
    tables, and views."""
    cursor.execute("SET client_min_messages = warning; CREATE SCHEMA plain")
    before = relations(cursor)
    drop_ms = ms(cursor, "DROP SCHEMA half CASCADE")
    dropped = before - relations(cursor)
    for number in range(dropped // 5):
        cursor.execute(f"CREATE TABLE plain.t{number} (id int PRIMARY KEY, note text); CREATE VIEW plain.v{number} AS SELECT * FROM plain.t{number}")
    before = relations(cursor)
    plain_ms = ms(cursor, "DROP SCHEMA plain CASCADE")
    plain = before - relations(cursor)
    row(f"DROP SCHEMA CASCADE of {TABLES // 2:,} stream tables ({dropped:,} relations) / of {plain:,} relations of plain tables and views",
        f"{drop_ms / 1e3:.1f} / {plain_ms / 1e3:.1f} s", "≤ 10 s")


def joins_of_one_table():
    numbers = range(1, 13)
    with Database("joins_of_one_table") as cursor:
        cursor.execute("CREATE TABLE part (id int PRIMARY KEY, parent int, amount int)")
        cursor.execute("INSERT INTO part SELECT g, g / 2, g FROM generate_series(1, 1000) g; CREATE INDEX ON part (parent)")
        cursor.execute("ANALYZE part")
        columns = ", ".join(f"p{i}.amount AS a{i}" for i in numbers)
        for what, condition in [("in a star", "p{i}.id = p0.id"), ("in a chain", "p{i}.id = p{before}.parent")]:
            joins = " ".join(f"LEFT JOIN part p{i} ON " + condition.format(i=i, before=i - 1) for i in numbers)
            query = f"SELECT p0.id, {columns} FROM part p0 {joins}"
            name = "joined_" + what.split()[-1]
            create_ms = ms(cursor, "SELECT pgtrickle.create_stream_table(%s, %s, '1h', 'DIFFERENTIAL')", (name, query))
            refresh_ms = []
            for _ in range(3):
                cursor.execute("UPDATE part SET amount = amount + 1 WHERE id = 7")
                refresh_ms.append(ms(cursor, "SELECT pgtrickle.refresh_stream_table(%s)", (name,)))
            row(f"twelve LEFT JOINs of a table with itself, {what}: creation; the first, the third refresh of a changed row",
                f"{create_ms / 1e3:.2f} s; {refresh_ms[0] / 1e3:.2f}, {refresh_ms[2] / 1e3:.2f} s", "≤ 2 s")


def growth():
    database = Database("growth")
    start_server()
    with database as cursor:
        creation(cursor)
        cycle(cursor)
        drop(start(database))


joins_of_one_table()
growth()
