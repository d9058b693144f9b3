#!/usr/bin/python3 -B
"""Measures how old Q1, Q3, Q5 and Q12 of TPC-H are, kept by the manager, while 5,000 lines change in each second.

The age is the time since the moment as of which a stream table has its rows, of the oldest of the four, and 0 if there
are no later changes; it is looked up every 5 ms. TPCH_SCALE is 1 in `make bench`; BENCH_SECONDS is 60."""
import os
import random
import threading
import time

from measure import Database, connect, create, row
from processes import percentile
from warehouse import Warehouse

SCALE = float(os.environ.get("TPCH_SCALE", 1 / int(os.environ.get("BENCH_SHRINK", 1))))
SECONDS = int(os.environ.get("BENCH_SECONDS", 60))
LINES_A_SECOND = 5000
NAMES = ["q1", "q3", "q5", "q12"]
AGE = """SELECT extract(epoch FROM clock_timestamp() - min(data_timestamp)) * 1000 FROM pgtrickle.pgt_status()
         WHERE name = ANY (%s)"""


class Writer(threading.Thread):
    """Changes about 50 lines in a transaction, 100 times a second: 8 orders are updated, 2 inserted, 2 deleted."""

    def __init__(self, database, orders):
        super().__init__()
        self.cursor, self.orders, self.dice = connect(database).cursor(), orders, random.Random(1)
        self.cursor.execute(f"SET synchronous_commit = off; SET tpch.scale = {SCALE}")
        self.lines, self.late, self.is_over = 0, 0.0, False

    def keys(self, count):
        return [(n - 1) // 8 * 32 + (n - 1) % 8 + 1 for n in (self.dice.randrange(1, self.orders) for _ in range(count))]

    def change(self, number):
        cursor, lines = self.cursor, 0
        cursor.execute("BEGIN")
        cursor.execute("UPDATE lineitem SET l_quantity = 1 + (l_quantity + 17) %% 50, l_shipdate = l_shipdate + 1 WHERE l_orderkey = ANY (%s)",
                       (self.keys(8),))
        lines += cursor.rowcount
        cursor.execute("SELECT make_orders(%s, %s)", (self.orders + 2 * number + 1, self.orders + 2 * number + 2))
        lines += 8
        gone = self.keys(2)
        cursor.execute("DELETE FROM lineitem WHERE l_orderkey = ANY (%s)", (gone,))
        lines += cursor.rowcount
        cursor.execute("DELETE FROM orders WHERE o_orderkey = ANY (%s)", (gone,))
        cursor.execute("COMMIT")
        return lines

    def write(self):
        started, number = time.perf_counter(), 0
        while time.perf_counter() - started < SECONDS:
            self.lines += self.change(number)
            number += 1
            due = started + self.lines / LINES_A_SECOND
            self.late = max(self.late, time.perf_counter() - due)
            time.sleep(max(0.0, due - time.perf_counter()))

    def run(self):
        try:
            self.write()
        finally:
            self.is_over = True


def main():
    with Database("tpch") as cursor:
        warehouse = Warehouse(cursor, "tpch", SCALE)
        warehouse.load()
        queries = warehouse.queries()
        for name in NAMES:
            create(cursor, name, queries[name], "calculated")
            warehouse.add_missing_indexes(name)
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
        writer = Writer(cursor.connection.info.dbname, round(1_500_000 * SCALE))
        started = time.perf_counter()
        writer.start()
        ages = []
        while not writer.is_over:
            time.sleep(0.005)
            cursor.execute(AGE, ([f"public.{name}" for name in NAMES],))
            ages.append(min(float(cursor.fetchone()[0]), (time.perf_counter() - started) * 1e3))
        writer.join()
        cursor.execute("SET pg_trickle.max_staleness = 0")
        wrong = [name for name in NAMES if warehouse.differences(name, queries[name])]
        row(f"TPC-H at scale {SCALE:g}, {writer.lines / SECONDS:,.0f} changed lines/s for {SECONDS} s (latest {writer.late * 1e3:.0f} ms): "
            f"age of Q1, Q3, Q5 and Q12, p50 / p99 / greatest",
            f"{percentile(ages, 50):.0f} / {percentile(ages, 99):.0f} / {max(ages):.0f} ms{', wrong: ' + ' '.join(wrong) if wrong else ''}",
            "p99 ≤ 100 ms")


main()
