#!/usr/bin/python3 -B
"""Measures the time from the commit of one row until another session sees it in a stream table, without a
refresh request.

Names of functions as arguments run only these, on a server that is running (tests/scratch run).

The time starts when COMMIT is sent and ends when a plain SELECT of another session returns the row: stream
tables of schedule `calculated`, whose reads never wait. The reader sleeps for 100 µs (the kernel makes it
160) between reads, so that it uses a fifth of a core and leaves its core to the manager; it adds half of that
and the time of a read, 0.2 ms, to a figure. Commits are 5 to 50 ms apart, at random.
"""

import os
import random
import re
import statistics
import subprocess
import sys
import time

from measure import Database, connect, row
from processes import percentile, run_chosen, wait_until

COMMITS = int(os.environ.get("BENCH_COMMITS", 600))
PAUSE_S = 100e-6
SPEED_S = int(os.environ.get("BENCH_SECONDS", 5))
LIMIT_S = 20

random.seed(1)


def kept(cursor, name, query, schedule="calculated"):
    cursor.execute("SELECT pgtrickle.create_stream_table(%s, %s, %s)", (name, query, schedule))


class Watched:
    """A writer of rows numbered upwards, and a reader that looks for the last one."""

    def __init__(self, database, write, looks):
        self.writer, self.reader = connect(database), connect(database)
        self.write, self.looks = write, looks
        self.writer.cursor().execute("SET synchronous_commit = off")
        self.number = 0

    def shows(self):
        cursor = self.reader.cursor()
        for look in self.looks:
            cursor.execute(look, {"n": self.number})
            if cursor.fetchone()[0] != self.number:
                return False
        return True

    def once_ms(self):
        cursor = self.writer.cursor()
        self.number += 1
        cursor.execute("BEGIN")
        cursor.execute(self.write, {"n": self.number})
        started = time.perf_counter()
        cursor.execute("COMMIT")
        while not self.shows():
            if time.perf_counter() - started > LIMIT_S:
                raise AssertionError("the row does not come")
            time.sleep(PAUSE_S)
        return (time.perf_counter() - started) * 1e3

    def many_ms(self, count):
        for _ in range(20):
            self.once_ms()
        times = []
        for _ in range(count):
            time.sleep(random.uniform(0.005, 0.05))
            times.append(self.once_ms())
        self.writer.close()
        self.reader.close()
        return times


def report(what, times, reach):
    row(f"commit of one row → visible in a plain SELECT elsewhere, {what}: p50 / p99",
        f"{percentile(times, 50):.1f} / {percentile(times, 99):.1f} ms", reach)


def make_orders(cursor):
    cursor.execute("CREATE TABLE orders (id int PRIMARY KEY, customer int, amount numeric)")
    cursor.execute("INSERT INTO orders SELECT -g, g % 1000, 1 FROM generate_series(1, 100000) g")
    kept(cursor, "per_customer",
         "SELECT customer, count(*) AS n, sum(amount) AS amount, max(id) AS last FROM orders GROUP BY customer")
    cursor.execute("VACUUM ANALYZE")


WRITE_ORDER = "INSERT INTO orders VALUES (%(n)s, %(n)s %% 1000, 1)"
SEE_ORDER = "SELECT max(last) FROM per_customer WHERE customer = %(n)s %% 1000"


def latency():
    with Database("latency") as cursor:
        make_orders(cursor)
        database = cursor.connection.info.dbname
        report("`calculated`", Watched(database, WRITE_ORDER, [SEE_ORDER]).many_ms(COMMITS), "≤ 3 / ≤ 30 ms")


def beside(database, script):
    """Runs pgbench as one client without pauses."""
    return subprocess.Popen(["pgbench", "-n", "-c", "1", "-T", "3600", "-M", "prepared", "-f", script, database],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def speed(cursor, script, is_refreshed):
    """Returns the transactions per second of a writer beside refreshes, or without them."""
    cursor.execute(f"ALTER SYSTEM SET pg_trickle.enabled = {is_refreshed}")
    cursor.execute("SELECT pg_reload_conf()")

    def is_set():
        cursor.execute("SELECT current_setting('pg_trickle.enabled')::bool")
        return cursor.fetchone()[0] == is_refreshed

    wait_until(is_set)
    cursor.execute("SELECT pgtrickle.refresh_stream_table('per_customer')")
    cursor.execute("VACUUM orders")
    command = ["pgbench", "-n", "-c", "1", "-T", str(SPEED_S), "-M", "prepared", "-f", script, cursor.connection.info.dbname]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(re.search(r"tps = ([\d.]+)", output)[1])


def latency_beside_writer():
    """Measures orders of other customers, while a client writes to the same source as fast as it can."""
    with Database("latency") as cursor:
        make_orders(cursor)
        database = cursor.connection.info.dbname
        script = f"/tmp/bench_writer.{os.getpid()}.sql"
        with open(script, "w", encoding="utf-8") as file:
            file.write("\\set id random(1, 100000)\nUPDATE orders SET amount = amount + 1 WHERE id = 0 - :id;\n")
        writer = beside(database, script)
        try:
            time.sleep(2)
            times = Watched(database, WRITE_ORDER, [SEE_ORDER]).many_ms(COMMITS)
        finally:
            writer.kill()
            writer.wait()
        report("beside a client that writes to the same table without a pause", times, "≤ 5 / ≤ 30 ms")
        speeds = {True: [], False: []}
        for is_refreshed in [False, True] * 5:
            speeds[is_refreshed].append(speed(cursor, script, is_refreshed))
        os.unlink(script)
        with_refreshes, without = (statistics.median(speeds[is_refreshed]) for is_refreshed in (True, False))
        row("… speed of that client with refreshes / without",
            f"{with_refreshes:.0f} / {without:.0f} transactions/s = {with_refreshes / without:.2f}", "≥ 0.9")


def make_source(cursor, name="source"):
    cursor.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, part int, number int)")
    cursor.execute(f"INSERT INTO {name} SELECT g, g % 10, 0 FROM generate_series(1, 1000) g")


WRITE_NUMBER = "UPDATE source SET number = %(n)s WHERE id = 7"


def chain():
    with Database("latency") as cursor:
        make_source(cursor)
        kept(cursor, "link_1", "SELECT id, part, number FROM source")
        for level in range(2, 11):
            kept(cursor, f"link_{level}", f"SELECT id, part, number FROM link_{level - 1} WHERE id > -{level}")
        cursor.execute("VACUUM ANALYZE")
        look = "SELECT max(number) FROM link_10 WHERE id = 7"
        report("at the end of a chain of 10",
               Watched(cursor.connection.info.dbname, WRITE_NUMBER, [look]).many_ms(COMMITS // 2), "≤ 15 ms")


def diamond():
    with Database("latency") as cursor:
        make_source(cursor)
        kept(cursor, "top", "SELECT id, part, number FROM source")
        kept(cursor, "left_side", "SELECT part, max(number) AS number FROM top GROUP BY part")
        kept(cursor, "right_side", "SELECT part, count(*) AS n FROM top GROUP BY part")
        kept(cursor, "bottom", "SELECT part, l.number, r.n FROM left_side l JOIN right_side r USING (part)")
        cursor.execute("VACUUM ANALYZE")
        look = "SELECT number FROM bottom WHERE part = 7"
        report("at the end of a diamond of 4",
               Watched(cursor.connection.info.dbname, WRITE_NUMBER, [look]).many_ms(COMMITS // 2), "≤ 10 ms")


def levels():
    """Measures ten tables in each level; each reads one of the level above and, as a join, its neighbour."""
    with Database("latency") as cursor:
        make_source(cursor)
        for level in range(1, 7):
            for k in range(10):
                above, beside_it = ("source", "source") if level == 1 else (f"t{level - 1}_{k}", f"t{level - 1}_{(k + 1) % 10}")
                kept(cursor, f"t{level}_{k}",
                     f"SELECT a.id, a.part, a.number FROM {above} a JOIN {beside_it} b USING (id) WHERE a.id > -{k}")
        cursor.execute("VACUUM ANALYZE")
        looks = [f"SELECT number FROM t6_{k} WHERE id = 7" for k in range(10)]
        report("in all of the last level of 60 tables in 6 levels",
               Watched(cursor.connection.info.dbname, WRITE_NUMBER, looks).many_ms(COMMITS // 6), "≤ 100 ms")


run_chosen([latency, latency_beside_writer, chain, diamond, levels], sys.argv[1:])
